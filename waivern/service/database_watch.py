"""Whether the database answers: said once when it goes, and once when it is back."""

import logging
import time

from waivern.errors import DatabaseUnavailableError
from waivern.service.tally import Tally

logger = logging.getLogger(__name__)

AWAY_S = 1.0
"""Seconds until a database that did not answer is asked again."""


class DatabaseWatch:
    """What one thread knows of the database.

    Args:
        meanwhile: What cannot be done while the database is away, for the log.
        tally: Where is counted how often it did not answer.
    """

    def __init__(self, meanwhile: str, tally: Tally) -> None:
        self._meanwhile = meanwhile
        self._tally = tally
        self._away_since: float | None = None

    @property
    def away_s(self) -> float:
        """Return for how many seconds the database has not answered; 0 where it does."""
        since = self._away_since
        return 0.0 if since is None else time.monotonic() - since

    def failed(self, error: DatabaseUnavailableError) -> None:
        """Note that it did not answer."""
        self._tally.database_failed()
        if self._away_since is None:
            self._away_since = time.monotonic()
            logger.error("%s until the database is back: %s", self._meanwhile, error)

    def answered(self) -> None:
        """Note that it answered."""
        if self._away_since is not None:
            logger.warning("The database is back after %.0f s", self.away_s)
        self._away_since = None
