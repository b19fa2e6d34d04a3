"""Whether the database answers: logged once when it stops, and once when it is back."""

import logging
import threading
import time

from waivern.errors import DatabaseUnavailableError
from waivern.service.metrics import ServiceMetrics

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""Seconds until a database that did not answer is asked again."""


class DatabaseWatch:
    """What the parts of a service know about the database; safe to be called from any thread.

    Several parts use the database at different intervals, and some not at each run. So the database counts as back
    when every part that failed has succeeded.

    Args:
        metrics: Counts the failures.
    """

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._since = 0.0

    @property
    def unavailable_s(self) -> float:
        """Return for how many seconds the database has not answered; 0 if it does."""
        with self._lock:
            return time.monotonic() - self._since if self._failing else 0.0

    def failed(self, part: str, error: DatabaseUnavailableError) -> None:
        """Record that the database did not answer a part of the service."""
        self._metrics.database_failed()
        with self._lock:
            is_first = not self._failing
            self._failing.add(part)
            if is_first:
                self._since = time.monotonic()
        if is_first:
            logger.error("The service pauses until the database is back: %s", error)

    def answered(self, part: str) -> None:
        """Record that a part of the service has done its work."""
        with self._lock:
            if part not in self._failing:
                return
            self._failing.discard(part)
            is_back = not self._failing
            unavailable_s = time.monotonic() - self._since
        if is_back:
            logger.warning("The database is back after %.0f s", unavailable_s)
