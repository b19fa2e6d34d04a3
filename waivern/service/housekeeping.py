"""What a service does now and then beside its work, in one thread."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from waivern.errors import DatabaseUnavailableError
from waivern.service.database_watch import AWAY_S, DatabaseWatch
from waivern.service.tally import Tally

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chore:
    """Something that is done every `every_s` seconds; `what` names it in the log."""

    what: str
    every_s: float
    do: Callable[[], object]


class Housekeeping:
    """Does chores one after the other; one that fails holds up no other, and is done again when its time comes."""

    def __init__(self, chores: Sequence[Chore], *, tally: Tally) -> None:
        self._chores = chores
        self._next = {chore.what: 0.0 for chore in chores}
        self._stopping = threading.Event()
        self.database = DatabaseWatch("Housekeeping rests", tally)
        self.thread = threading.Thread(target=self._run, name="waivern-housekeeping", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Begin no further chore; return when the present one is done, or after 2 seconds."""
        self._stopping.set()
        self.thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for chore in self._chores:
                if time.monotonic() >= self._next[chore.what] and not self._stopping.is_set():
                    self._next[chore.what] = time.monotonic() + chore.every_s
                    self._do(chore)
            self._stopping.wait(max(min(self._next.values()) - time.monotonic(), 0.01))

    def _do(self, chore: Chore) -> None:
        try:
            chore.do()
        except DatabaseUnavailableError as error:
            self.database.failed(error)
            self._next[chore.what] = time.monotonic() + AWAY_S
        except Exception:
            logger.exception("This could not be done: %s", chore.what)
        else:
            self.database.answered()
