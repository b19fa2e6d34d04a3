"""A writer thread that commits the writes of many threads together (group commit)."""

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

_MAX_WRITES_PER_TRANSACTION = 500
_MAX_DELAY_S = 0.2


@dataclass(frozen=True)
class _Job:
    write: Write
    urgent: bool
    is_final: bool = False
    key: str | None = None
    committed: "Future[None]" = field(default_factory=Future)


class GroupCommitWriter:
    """Commits writes in the order in which they were submitted, as many per transaction as are waiting.

    An urgent write is committed as soon as the one before it is; its submitter waits for its future. A deferred write
    is committed with the next urgent one, or after 0.2 s, and nothing waits for it. If the database is unavailable, a
    deferred write is retried with the next transaction; any other error is raised by the next call.

    Args:
        engine: The database.
        guard: Runs first in every transaction; if it raises, every write of that transaction fails.
        keep_alive_s: Seconds without a write after which a transaction with the guard alone is committed.
    """

    def __init__(self, engine: sa.Engine, *, guard: Write, keep_alive_s: float) -> None:
        self._engine = engine
        self._guard = guard
        self._keep_alive_s = keep_alive_s
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._to_retry: list[_Job] = []
        self._deferred_error: BaseException | None = None
        self._closing = threading.Lock()
        self._is_closed = False
        self._on_lost: Callable[[RunTakenOverError], None] = lambda _error: None
        self._thread = threading.Thread(target=self._run, name="waivern-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write, *, urgent: bool = True, key: str | None = None) -> "Future[None]":
        """Queue a write.

        Args:
            write: Called in a transaction.
            urgent: Whether the submitter waits for it.
            key: What it writes. A deferred write is left out if an urgent one with the same key is in its transaction,
                because the urgent one writes the same columns.

        Returns:
            The future of an urgent write is done when it is committed, or holds its error.

        Raises:
            RuntimeError: the writer is closed.
            Exception: an earlier deferred write has failed.
        """
        job = _Job(write, urgent, key=key)
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            if self._deferred_error is not None:
                raise self._deferred_error
            self._jobs.put(job)
        return job.committed

    def on_lost(self, callback: Callable[[RunTakenOverError], None]) -> None:
        """Register a callback that the writer's thread calls if the guard finds that the run is lost."""
        self._on_lost = callback

    def close(self, final: Write) -> None:
        """Commit `final` after all waiting writes, and end; urgent writes that have not begun by now are refused.

        Raises:
            RuntimeError: the writer is already closed.
            Exception: `final`, or an earlier deferred write, has failed.
        """
        job = _Job(final, urgent=True, is_final=True)
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            self._is_closed = True
            self._jobs.put(job)
        self._thread.join()
        job.committed.result()
        if self._deferred_error is not None:
            raise self._deferred_error

    def _run(self) -> None:
        while True:
            waiting, is_open = self._next()
            retried, self._to_retry = self._to_retry, []
            self._commit([*retried, *waiting])
            del retried, waiting  # they may hold large messages, and the next write may be long in coming
            if not is_open:
                return

    def _next(self) -> tuple[list[_Job], bool]:
        """Wait for writes; return them, and whether the writer stays open afterwards."""
        waiting: list[_Job] = []
        is_lost = isinstance(self._deferred_error, RunTakenOverError)  # then there is no lease to renew
        wait_s = math.inf if is_lost else _MAX_DELAY_S if self._to_retry else self._keep_alive_s
        commit_at = time.monotonic() + wait_s
        while len(waiting) < _MAX_WRITES_PER_TRANSACTION:
            try:
                timeout_s = None if commit_at == math.inf else max(0.0, commit_at - time.monotonic())
                job = self._jobs.get(timeout=timeout_s)
            except queue.Empty:
                break
            waiting.append(job)
            if job.is_final:
                return waiting, False
            commit_at = 0.0 if job.urgent else min(commit_at, time.monotonic() + _MAX_DELAY_S)
        return waiting, True

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._write(jobs)
        except WaivernError as error:  # the database is unavailable or the run is lost, which fails all of them
            for job in jobs:
                self._fail(job, error)
            if isinstance(error, RunTakenOverError):
                self._deferred_error = error
                self._on_lost(error)
        except BaseException as error:  # noqa: BLE001  the submitter must get the error, whatever it is
            if len(jobs) > 1:
                for job in jobs:  # so that one failing write does not fail the others of its transaction
                    self._commit([job])
            else:
                for job in jobs:
                    self._fail(job, error)

    def _fail(self, job: _Job, error: BaseException) -> None:
        if not job.urgent and isinstance(error, DatabaseUnavailableError):
            self._to_retry.append(job)
            return
        job.committed.set_exception(error)
        if not job.urgent:
            self._deferred_error = error

    def _write(self, jobs: list[_Job]) -> None:
        """Write all in one transaction; retry it after a conflict with another transaction."""
        written = retry_on_conflict(lambda: self._written(jobs))
        for job in jobs:
            _resolve(job, was_written=job in written)

    def _written(self, jobs: list[_Job]) -> list[_Job]:
        with writing(self._engine) as connection:
            self._guard(connection)
            is_closed = self._is_closed
            written = [job for job in jobs if job.is_final or not (job.urgent and is_closed)]
            urgent_keys = {job.key for job in written if job.urgent}
            for job in written:
                if job.urgent or job.key is None or job.key not in urgent_keys:
                    job.write(connection)
        return written


def _resolve(job: _Job, *, was_written: bool) -> None:
    if was_written:
        job.committed.set_result(None)
    else:
        job.committed.set_exception(RunTakenOverError("The run was closed before this could be written"))
