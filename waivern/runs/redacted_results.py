"""Remembering what was found in parts, without the values of variables."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from waivern.components.partwise import PartResults
from waivern.errors import DatabaseError
from waivern.runbooks.variables.redaction import Redactor

logger = logging.getLogger(__name__)


class RedactedPartResults(PartResults):
    """Remembers no result that contains the value of a variable: what a run stores has its name instead.

    An error of the database is logged, and every part is analysed.
    """

    def __init__(self, results: PartResults, redactor: Redactor) -> None:
        self._results = results
        self._redactor = redactor

    def find(self, key: str, parts: Collection[str]) -> Mapping[str, bytes]:
        with _logged_database_errors():
            return self._results.find(key, parts)
        return {}

    def remember(self, key: str, results: Mapping[str, bytes]) -> None:
        clean = {part: result for part, result in results.items() if not self._redactor.occurs_in([result])}
        with _logged_database_errors():
            self._results.remember(key, clean)


@contextmanager
def _logged_database_errors() -> Iterator[None]:
    """Log database errors: without remembered results, a run only takes longer."""
    try:
        yield
    except DatabaseError as error:
        logger.warning("What was found in parts cannot be remembered: %s", error)
