"""One thread that writes for many: what waits in its queue goes into one transaction."""

import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import sqlalchemy as sa

from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.errors import DatabaseUnavailableError, RunTakenOverError, WaivernError

Write = Callable[[sa.Connection], None]

_MOST_IN_ONE_TRANSACTION = 500
_LEISURE_S = 0.2


@dataclass(frozen=True)
class _Job:
    write: Write
    urgent: bool
    is_last: bool = False
    about: str | None = None
    committed: "Future[None]" = field(default_factory=Future)


class GroupCommitWriter:
    """Commits writes in the order in which they were submitted, as many in one transaction as are waiting.

    An urgent write is committed as soon as the one before it is; whoever submitted it waits for its future. One that
    is not urgent goes along with the next urgent one, or after 0.2 s, and nobody waits for it: where the database
    could not be reached it is tried again with the next transaction, and any other failure is raised by the next call.

    Args:
        engine: Where to write.
        guard: Runs first in every transaction; what it raises fails every write of that transaction.
        keep_alive_s: Seconds without a write after which an empty transaction (the guard alone) is committed.
    """

    def __init__(self, engine: sa.Engine, *, guard: Write, keep_alive_s: float) -> None:
        self._engine = engine
        self._guard = guard
        self._keep_alive_s = keep_alive_s
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._to_be_tried_again: list[_Job] = []
        self._unheard_of: BaseException | None = None
        self._closing = threading.Lock()
        self._is_closed = False
        self._tell_lost: Callable[[RunTakenOverError], None] = lambda _error: None
        self._thread = threading.Thread(target=self._run, name="waivern-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write, *, urgent: bool = True, about: str | None = None) -> "Future[None]":
        """Queue a write; the future of an urgent one is done when it is committed, or holds what went wrong.

        Args:
            write: What is to be done in a transaction.
            urgent: Whether somebody waits for it.
            about: What it says something of. An urgent write says all that one which is not urgent, and about the
                same, would have said before it in its transaction; that is left out.

        Raises:
            RuntimeError: the writer is closed.
            Exception: an earlier write that nobody waited for has failed.
        """
        job = _Job(write, urgent, about=about)
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            if self._unheard_of is not None:
                raise self._unheard_of
            self._jobs.put(job)
        return job.committed

    def when_lost(self, tell: Callable[[RunTakenOverError], None]) -> None:
        """Let it be told, by the thread that writes, that the guard found the run to be another's."""
        self._tell_lost = tell

    def close(self, last: Write) -> None:
        """Commit `last` after what waits, and end; urgent writes that have not begun by now are refused.

        Raises:
            RuntimeError: it is closed already.
            Exception: `last`, or an earlier write that nobody waited for, could not be written.
        """
        job = _Job(last, urgent=True, is_last=True)
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            self._is_closed = True
            self._jobs.put(job)
        self._thread.join()
        job.committed.result()
        if self._unheard_of is not None:
            raise self._unheard_of

    def _run(self) -> None:
        while True:
            waiting, goes_on = self._next()
            once_more, self._to_be_tried_again = self._to_be_tried_again, []
            self._commit([*once_more, *waiting])
            del once_more, waiting  # what they carry may be large, and the next may be long in coming
            if not goes_on:
                return

    def _next(self) -> tuple[list[_Job], bool]:
        """Wait for something to write; return it, and whether the writer goes on afterwards."""
        waiting: list[_Job] = []
        is_another_s = isinstance(self._unheard_of, RunTakenOverError)  # there is nothing left to keep alive
        rest_s = math.inf if is_another_s else _LEISURE_S if self._to_be_tried_again else self._keep_alive_s
        due = time.monotonic() + rest_s
        while len(waiting) < _MOST_IN_ONE_TRANSACTION:
            try:
                job = self._jobs.get(timeout=None if due == math.inf else max(0.0, due - time.monotonic()))
            except queue.Empty:
                break
            waiting.append(job)
            if job.is_last:
                return waiting, False
            due = 0.0 if job.urgent else min(due, time.monotonic() + _LEISURE_S)
        return waiting, True

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._write(jobs)
        except WaivernError as error:  # the database is gone or the run is another's: the same for all of them
            for job in jobs:
                self._fail(job, error)
            if isinstance(error, RunTakenOverError):
                self._unheard_of = error
                self._tell_lost(error)
        except BaseException as error:  # noqa: BLE001  whoever waits must hear of it, whatever it is
            if len(jobs) > 1:
                for job in jobs:  # one bad write must not fail those that happened to wait beside it
                    self._commit([job])
            else:
                for job in jobs:
                    self._fail(job, error)

    def _fail(self, job: _Job, error: BaseException) -> None:
        if not job.urgent and isinstance(error, DatabaseUnavailableError):
            self._to_be_tried_again.append(job)
            return
        job.committed.set_exception(error)
        if not job.urgent:
            self._unheard_of = error

    def _write(self, jobs: list[_Job]) -> None:
        """Write all in one transaction; one that only ran into another's is begun anew."""
        written = retry_on_conflict(lambda: self._written(jobs))
        for job in jobs:
            _tell(job, was_written=job in written)

    def _written(self, jobs: list[_Job]) -> list[_Job]:
        with writing(self._engine) as connection:
            self._guard(connection)
            comes_too_late = self._is_closed
            written = [job for job in jobs if job.is_last or not (job.urgent and comes_too_late)]
            said_by_urgent = {job.about for job in written if job.urgent}
            for job in written:
                if job.urgent or job.about is None or job.about not in said_by_urgent:
                    job.write(connection)
        return written


def _tell(job: _Job, *, was_written: bool) -> None:
    if was_written:
        job.committed.set_result(None)
    else:
        job.committed.set_exception(RunTakenOverError("The run was closed before this could be written"))
