"""One thread that writes for many: what waits in its queue goes into one transaction."""

import itertools
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import sqlalchemy as sa

from waivern.database.engine import is_worth_another_try, writing
from waivern.errors import DatabaseUnavailableError, WaivernError

Write = Callable[[sa.Connection], None]

_MOST_IN_ONE_TRANSACTION = 500
_LEISURE_S = 0.2
_ATTEMPTS = 5


@dataclass(frozen=True)
class _Job:
    write: Write
    urgent: bool
    committed: "Future[None]" = field(default_factory=Future)


class GroupCommitWriter:
    """Commits writes in the order in which they were submitted, as many in one transaction as are waiting.

    An urgent write is committed as soon as the one before it is. One that is not urgent goes along with the next
    urgent one, or after 0.2 s.

    Args:
        engine: Where to write.
        guard: Runs first in every transaction; what it raises fails every write of that transaction.
        keep_alive_s: Seconds without a write after which an empty transaction (the guard alone) is committed.
    """

    def __init__(self, engine: sa.Engine, *, guard: Write, keep_alive_s: float) -> None:
        self._engine = engine
        self._guard = guard
        self._keep_alive_s = keep_alive_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="waivern-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write, *, urgent: bool = True) -> "Future[None]":
        """Queue a write; the future is done when it is committed, or holds what went wrong."""
        job = _Job(write, urgent)
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            self._jobs.put(job)
        return job.committed

    def close(self) -> None:
        """Commit what waits, and end."""
        with self._closing:
            self._is_closed = True
            self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            waiting, goes_on = self._next()
            self._commit(waiting)
            if not goes_on:
                return

    def _next(self) -> tuple[list[_Job], bool]:
        """Wait for something to write; return it, and whether the writer goes on afterwards."""
        waiting: list[_Job] = []
        is_urgent = False
        while len(waiting) < _MOST_IN_ONE_TRANSACTION:
            patience_s = 0 if is_urgent else _LEISURE_S if waiting else self._keep_alive_s
            try:
                job = self._jobs.get(timeout=patience_s)
            except queue.Empty:
                break
            if job is None:
                return waiting, False
            waiting.append(job)
            is_urgent = is_urgent or job.urgent
        return waiting, True

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._write(jobs)
        except WaivernError as error:  # the database is gone or the run is another's: the same for all of them
            _fail(jobs, error)
        except BaseException as error:  # noqa: BLE001  whoever waits must hear of it, whatever it is
            if len(jobs) <= 1:
                _fail(jobs, error)
                return
            for job in jobs:  # one bad write must not fail those that happened to wait beside it
                self._commit([job])
        else:
            for job in jobs:
                job.committed.set_result(None)

    def _write(self, jobs: list[_Job]) -> None:
        for attempt in itertools.count(1):
            try:
                with writing(self._engine) as connection:
                    self._guard(connection)
                    for job in jobs:
                        job.write(connection)
            except DatabaseUnavailableError as error:
                if attempt == _ATTEMPTS or not is_worth_another_try(error):
                    raise
                time.sleep(random.uniform(0.01, 0.1) * attempt)  # noqa: S311  to part two that ran into each other
            else:
                return


def _fail(jobs: list[_Job], error: BaseException) -> None:
    for job in jobs:
        job.committed.set_exception(error)
