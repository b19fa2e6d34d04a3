"""Writes that wait until the database is available."""

from collections.abc import Callable

from waivern.errors import DatabaseUnavailableError

Write = Callable[[], object]


class PendingWrites:
    """Writes in the order in which they were added."""

    def __init__(self) -> None:
        self._writes: list[Write] = []

    def append(self, write: Write) -> None:
        """Add a write."""
        self._writes.append(write)

    def flush(self) -> None:
        """Write everything; what the database did not take stays.

        Raises:
            DatabaseUnavailableError: the database is unavailable.
        """
        while self._writes:
            write = self._writes.pop(0)
            try:
                write()
            except DatabaseUnavailableError:
                self._writes.insert(0, write)
                raise
