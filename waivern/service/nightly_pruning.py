"""Pruning every night, by one of the services that share a database."""

import logging
from datetime import time

from waivern.caller import Caller
from waivern.errors import DatabaseError
from waivern.history.retention import PruneRequest
from waivern.operations.application import Application
from waivern.operations.data.prune_contents import claim_nightly_prune, prune_contents
from waivern.runs.run import utc_now

logger = logging.getLogger(__name__)


def prune_if_due(application: Application, *, at: time, caller: Caller) -> None:
    """Prune if the time of day `at` (UTC) has passed and no other service has claimed this night.

    What is left when pruning ends early, for example because the service stops, is pruned the next night.
    """
    if not claim_nightly_prune(application, at=at, now=utc_now()):
        return
    try:
        pruned = prune_contents(application, PruneRequest(), caller=caller)
    except DatabaseError as error:
        logger.warning("Pruning ended early: %s", error)
    except Exception:
        logger.exception("Pruning ended early")
    else:
        logger.info("Pruned %d artifacts, %d bytes", len(pruned.artifacts), pruned.freed_bytes)
