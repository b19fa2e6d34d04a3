"""Claims queued runs and supervises the processes that execute them."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait

from waivern.caller import Caller
from waivern.errors import DatabaseUnavailableError
from waivern.operations.runs.execute_claimed import RunOutcome
from waivern.runs.run import RunStatus, utc_now
from waivern.runs.run_store import ClaimedRun, RunStore, StaleRun
from waivern.service.database_watch import RETRY_S, DatabaseWatch
from waivern.service.health import Health
from waivern.service.metrics import ServiceMetrics
from waivern.service.workers.pending_writes import PendingWrites
from waivern.service.workers.process_context import warm_context
from waivern.service.workers.run_process import Closed, Done, MakeApplication, Ready, RunProcess, Started

logger = logging.getLogger(__name__)

_CHECK_INTERVAL_S = 0.5
_REAP_INTERVAL_S = 1.0
_HEARTBEATS_PER_LEASE = 8
_RESTART_DELAY_S = 1.0
_GRACE_S = 0.5  # a run closes itself at its deadline if it can
_KILLED_AT_DEADLINE = "A component was still running at the deadline; its process was killed"
_PART = "workers"


class WorkerPool:
    """Executes up to `number` runs at a time, each in a process of its own, supervised by one thread.

    What cannot be written while the database is unavailable is written when it is back.

    Args:
        runs: Where runs wait and are recorded.
        number: How many processes are kept warm.
        make_application: Sets up each process.
        caller: Who executes the runs, for the audit log.
        database: Records whether the database answers.
        metrics: Counts the attempts.
        health: Where is reported that runs cannot be executed or recorded.
    """

    def __init__(
        self,
        runs: RunStore,
        *,
        number: int,
        make_application: MakeApplication,
        caller: Caller,
        database: DatabaseWatch,
        metrics: ServiceMetrics,
        health: Health,
    ) -> None:
        self._runs = runs
        self._caller = caller
        self._number = number
        self._make_application = make_application
        self._database = database
        self._metrics = metrics
        self._health = health
        self._context = warm_context()
        self._processes: list[RunProcess] = []
        self._pending_writes = PendingWrites()
        self._check_at = self._reap_at = self._database_retry_at = self._start_process_at = 0.0
        self._release_at: float | None = None
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        os.set_blocking(self._wake_reader, False)
        self.thread = threading.Thread(target=self._run, name="waivern-workers", daemon=True)
        self._watchdog = threading.Thread(target=self._kill_unresponsive, name="waivern-watchdog", daemon=True)

    def start(self) -> None:
        """Start to claim runs."""
        self.thread.start()
        self._watchdog.start()

    def wake(self) -> None:
        """Look for queued runs now; may be called from any thread."""
        with suppress(BlockingIOError):  # the pipe is full of earlier wake-ups
            os.write(self._wake_writer, b".")

    def drain(self, timeout_s: float) -> None:
        """Claim nothing more; after `timeout_s` seconds release the runs that are still running."""
        self._release_at = time.monotonic() + timeout_s
        self.wake()

    def _run(self) -> None:
        while self._release_at is None or self._is_draining(self._release_at):
            try:
                self._start_processes()
                self._poll_messages()
                self._kill_overdue()
                self._health.clear(_PART, "supervision")
            except Exception as error:  # noqa: BLE001  whatever it is, the thread has to go on
                self._health.report_error(_PART, "supervision", "Run processes cannot be supervised", error)
                time.sleep(_RESTART_DELAY_S)
            self._with_database(self._update_queue)
        for process in self._processes:
            process.kill_and_join()

    def _kill_unresponsive(self) -> None:
        """Kill processes that have sent no heartbeat for longer than a lease: they are stopped, or hang as a whole.

        This has its own thread: a process that was stopped in the middle of a write holds SQLite's lock, and the
        supervising thread, which may wait for that lock, could not kill it.
        """
        while self.thread.is_alive():
            for process in list(self._processes):
                if process.claimed is not None and process.heartbeat_age_s > self._runs.lease_s:
                    logger.error("The process of the run sent no heartbeat", extra=_log_fields(process.claimed))
                    self._metrics.killed("no heartbeat")
                    process.kill()
            time.sleep(min(self._runs.lease_s / _HEARTBEATS_PER_LEASE, _CHECK_INTERVAL_S))

    def _update_queue(self) -> None:
        self._pending_writes.flush()
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + _CHECK_INTERVAL_S
            self._kill_lost()
        if now >= self._reap_at:
            self._reap_at = now + _REAP_INTERVAL_S
            for stale in self._runs.reap_stale(caller=self._caller):
                self._log_failed_attempt(stale)
        self._claim()

    def _with_database(self, function: Callable[[], None]) -> None:
        if time.monotonic() < self._database_retry_at:
            return
        try:
            function()
        except DatabaseUnavailableError as error:
            self._database.failed(_PART, error)
            self._database_retry_at = time.monotonic() + RETRY_S
        except Exception as error:  # noqa: BLE001  as above
            self._health.report_error(_PART, "queue", "The queue of runs cannot be processed", error)
            self._database_retry_at = time.monotonic() + RETRY_S
        else:
            self._database.answered(_PART)
            self._health.clear(_PART, "queue")

    def _start_processes(self) -> None:
        while (
            len(self._processes) < self._number
            and self._release_at is None
            and time.monotonic() >= self._start_process_at
        ):
            heartbeat_s = self._runs.lease_s / _HEARTBEATS_PER_LEASE
            self._processes.append(
                RunProcess(self._context, self._make_application, caller=self._caller, heartbeat_s=heartbeat_s)
            )

    def _poll_messages(self) -> None:
        """Wait for a message or the end of a process, for a wake-up or a timeout; handle what has come."""
        by_connection = {process.connection: process for process in self._processes}
        by_sentinel = {process.sentinel: process for process in self._processes}
        ready = wait([*by_connection, *by_sentinel, self._wake_reader], timeout=self._poll_timeout_s())
        if self._wake_reader in ready:
            with suppress(BlockingIOError):
                os.read(self._wake_reader, 4096)
        for source in ready:
            if source in by_connection:
                self._receive(by_connection[source])
        for source in ready:
            if source in by_sentinel:
                self._on_exit(by_sentinel[source])

    def _poll_timeout_s(self) -> float:
        """Return the seconds until something must be done that no message announces."""
        now = time.monotonic()
        times = [
            max(self._check_at, self._database_retry_at),
            *(process.kill_at for process in self._processes if process.kill_at is not None),
        ]
        if self._release_at is not None:
            times.append(self._release_at)
        return min(max(min(times) - now, 0.01), _CHECK_INTERVAL_S)

    def _receive(self, process: RunProcess) -> None:
        with suppress(EOFError, OSError):  # the process has ended, which its sentinel reports
            while process.connection.poll():
                self._on_message(process, process.connection.recv())

    def _on_message(self, process: RunProcess, message: object) -> None:
        match message:
            case Ready():
                process.is_ready = process.was_ready = True
                self._health.clear(_PART, "set-up")
            case Started():
                if message.timeout_s is not None:
                    process.kill_at = time.monotonic() + message.timeout_s + _GRACE_S
                if process.claimed is not None and process.claimed.due_at is not None:
                    self._metrics.started((utc_now() - process.claimed.due_at).total_seconds())
            case Closed():
                process.kill_at = None
            case Done():
                self._on_done(process, message)

    def _on_done(self, process: RunProcess, done: Done) -> None:
        claimed, process.claimed, process.kill_at = process.claimed, None, None
        if claimed is None:
            return
        self._metrics.finished(done.outcome.value)
        if done.outcome is RunOutcome.CLOSED:
            self._health.clear(_PART, "recording")
        if done.outcome is RunOutcome.DATABASE_UNAVAILABLE:
            self._health.report(_PART, "recording", f"The run {claimed.run_id} could not be recorded in the database")
            self._pending_writes.append(partial(self._runs.release, claimed.run_id, claimed.epoch, caller=self._caller))

    def _on_exit(self, process: RunProcess) -> None:
        """Handle a process that ended by itself or was killed, perhaps at its deadline while this thread was busy."""
        self._processes.remove(process)
        self._receive(process)
        reason = process.reap()
        claimed = process.claimed
        if not process.was_ready:
            logger.error("A run process could not be set up: %s", reason)
            self._health.report(_PART, "set-up", f"A run process could not be set up: {reason}")
            self._start_process_at = time.monotonic() + _RESTART_DELAY_S
        if claimed is None:
            return
        if process.kill_at is not None and process.kill_at <= time.monotonic():
            self._record_timeout(claimed)
        else:
            logger.error("The run lost its worker: %s", reason, extra=_log_fields(claimed))
            self._pending_writes.append(partial(self._fail_attempt, claimed, reason))

    def _fail_attempt(self, claimed: ClaimedRun, reason: str) -> None:
        stale = self._runs.fail_attempt(claimed.run_id, claimed.epoch, caller=self._caller, error=reason)
        if stale is not None:
            self._log_failed_attempt(stale)

    def _log_failed_attempt(self, run: StaleRun) -> None:
        self._metrics.attempt_failed(run.status.value)
        result = "queued again" if run.status is RunStatus.QUEUED else "interrupted for good"
        fields = {"run_id": run.run_id}
        logger.warning("Attempt %d of %d failed; the run is %s", run.attempt, run.max_attempts, result, extra=fields)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for process in list(self._processes):
            if process.kill_at is not None and process.kill_at <= now:
                self._record_timeout(self._kill(process, "deadline"))

    def _record_timeout(self, claimed: ClaimedRun) -> None:
        close = partial(self._runs.close, status=RunStatus.TIMED_OUT, caller=self._caller, error=_KILLED_AT_DEADLINE)
        self._pending_writes.append(partial(close, claimed.run_id, claimed.epoch))

    def _kill(self, process: RunProcess, reason: str) -> ClaimedRun:
        assert process.claimed is not None
        self._processes.remove(process)
        process.kill_and_join()
        self._metrics.killed(reason)
        logger.warning("The process of the run was killed: %s", reason, extra=_log_fields(process.claimed))
        return process.claimed

    def _kill_lost(self) -> None:
        """Kill the processes whose runs were cancelled or taken over."""
        busy = {process.claimed.run_id: process for process in self._processes if process.claimed is not None}
        states = self._runs.states_of(list(busy)) if busy else {}
        for run_id, process in busy.items():
            state, claimed = states.get(run_id), process.claimed
            if claimed is None or (
                state is not None and (state.epoch, state.status) == (claimed.epoch, RunStatus.RUNNING)
            ):
                continue
            if state is None or state.epoch != claimed.epoch:  # otherwise it has ended and is about to say so
                self._kill(process, "cancelled or taken over")

    def _claim(self) -> None:
        for process in self._processes:
            if self._release_at is None and process.is_ready and process.claimed is None:
                claimed = self._runs.claim()
                if claimed is None:
                    return
                self._metrics.claimed()
                logger.info("Attempt %d started", claimed.attempt, extra=_log_fields(claimed))
                process.execute(claimed)

    def _is_draining(self, release_at: float) -> bool:
        """Return whether there are runs to wait for; after the timeout release them."""
        busy = [process for process in self._processes if process.claimed is not None]
        if busy and time.monotonic() < release_at:
            return True
        for process in busy:
            claimed = self._kill(process, "service stopped")
            self._pending_writes.append(partial(self._runs.release, claimed.run_id, claimed.epoch, caller=self._caller))
        self._with_database(self._pending_writes.flush)
        return False


def _log_fields(claimed: ClaimedRun) -> dict[str, object]:
    return {"run_id": claimed.run_id, "schedule": claimed.schedule}
