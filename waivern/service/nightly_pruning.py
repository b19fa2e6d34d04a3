"""Pruning every night, by one of the services that share a database."""

import logging
from datetime import time

from waivern.caller import Caller
from waivern.errors import DatabaseError
from waivern.history.retention import PruneRequest
from waivern.operations.application import Application
from waivern.operations.data.prune_contents import claim_nightly_prune, prune_contents
from waivern.runs.run import utc_now
from waivern.service.health import Health

logger = logging.getLogger(__name__)

_PRUNING = "pruning"


def prune_if_due(application: Application, *, at: time, caller: Caller, health: Health) -> None:
    """Prune if the time of day `at` (UTC) has passed and no other service has claimed this night.

    What is left when pruning ends early, for example because the service stops, is pruned the next night. Until then a
    failure is reported: that nothing is due clears it as little as the success of another task.
    """
    if not claim_nightly_prune(application, at=at, now=utc_now()):
        return
    try:
        pruned = prune_contents(application, PruneRequest(), caller=caller)
    except Exception as error:
        logger.warning("Pruning ended early: %s", error, exc_info=not isinstance(error, DatabaseError))
        health.report(_PRUNING, "content", f"Pruning ended early: {str(error) or type(error).__name__}")
    else:
        health.clear(_PRUNING, "content")
        logger.info("Pruned %d artifacts, %d bytes", len(pruned.artifacts), pruned.freed_bytes)
