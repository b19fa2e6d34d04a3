"""Pruning each night, in one of the services."""

import logging
import socket
import threading
from datetime import time

from waivern.caller import Caller, CallerKind
from waivern.errors import DatabaseError
from waivern.history.retention import PruneRequest
from waivern.operations.application import Application
from waivern.operations.data.prune_contents import claim_nightly_prune, prune_contents
from waivern.runs.run import utc_now

logger = logging.getLogger(__name__)


class NightlyPruning:
    """Prunes in a thread of its own, so that it holds up no sign of life.

    Args:
        application: What is installed.
        at: The time of day, in UTC.
    """

    def __init__(self, application: Application, *, at: time) -> None:
        self._application = application
        self._at = at
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin to prune where it is due and no other service does it."""
        if self._thread is not None and self._thread.is_alive():
            return
        if claim_nightly_prune(self._application, at=self._at, now=utc_now()):
            self._thread = threading.Thread(target=self._prune, name="waivern-pruning", daemon=True)
            self._thread.start()

    def _prune(self) -> None:
        """What is not done because the service ends, or the database is away, the next night does."""
        try:
            caller = Caller(socket.gethostname(), CallerKind.SERVICE)
            pruned = prune_contents(self._application, PruneRequest(), caller=caller)
        except DatabaseError as error:
            logger.warning("Pruning has ended early: %s", error)
        except Exception:
            logger.exception("Pruning has ended early")
        else:
            logger.info("Pruned %d artifacts, %d bytes", len(pruned.artifacts), pruned.freed_bytes)
