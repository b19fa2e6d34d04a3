"""A process that executes runs: kept warm between runs, and killed if a component does not end."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from waivern.caller import Caller
from waivern.errors import DatabaseError
from waivern.gc_tuning import raise_gc_threshold
from waivern.operations.application import Application
from waivern.operations.runs.execute_claimed import RunOutcome, execute_claimed_run
from waivern.operations.runs.run_request import RunListener, StartedRun
from waivern.processes import children, guard
from waivern.processes.tree import adopt_orphans, kill_tree
from waivern.runs.run import RunStatus
from waivern.runs.run_store import ClaimedRun
from waivern.service.workers.watchdog import Watchdog

logger = logging.getLogger(__name__)

MakeApplication = Callable[[], Application]
"""Sets up a new process (logs, plug-ins) and returns its application; can be pickled."""

_HANGING_GRACE_S = 0.1
_KILL_TIMEOUT_S = 5.0  # exceeded only if the kernel itself waits for a device, which no signal interrupts
_MAX_RUNS = 200  # then a new process replaces it, whatever components have left behind in its memory
_OOM_SCORE = "500"  # from -1000 to 1000: if memory runs out, the kernel kills a run rather than the service


@dataclass(frozen=True)
class Ready:
    """The process can be given a run."""


@dataclass(frozen=True)
class Started:
    """The run has started; it has `timeout_s` seconds from now, or no limit."""

    timeout_s: float | None


@dataclass(frozen=True)
class Closed:
    """The run was closed before its deadline, which does not apply to its conclusion, such as its gates."""


@dataclass(frozen=True)
class Done:
    """The process has finished its run; it exits now (`is_exiting`) if something that a component started goes on."""

    outcome: RunOutcome
    is_exiting: bool


class RunProcess:
    """The service's end of a process that executes one run after another.

    Its messages arrive on `connection`; `sentinel` becomes ready when it has ended. While it executes a run, `claimed`
    holds that run.

    Args:
        context: How processes are started.
        make_application: Sets up the process.
        caller: Who executes the runs, for the audit log.
        heartbeat_s: Seconds between its heartbeats, which show that it is not stopped and does not hang as a whole.
    """

    def __init__(
        self, context: BaseContext, make_application: MakeApplication, *, caller: Caller, heartbeat_s: float
    ) -> None:
        self.connection, inside = context.Pipe()
        self._heartbeat = context.RawValue("d", time.monotonic())
        self._process: Any = context.Process(  # type: ignore[attr-defined]  # every context has one
            target=_execute_runs,
            args=(inside, make_application, caller, self._heartbeat, heartbeat_s),
            name="waivern-run",
            daemon=False,
        )
        self._process.start()
        inside.close()
        self.sentinel: int = self._process.sentinel
        self.pid: int = self._process.pid
        self.is_ready = self.was_ready = False
        self.claimed: ClaimedRun | None = None
        self.kill_at: float | None = None

    @property
    def heartbeat_age_s(self) -> float:
        """Return the seconds since the last heartbeat."""
        return time.monotonic() - float(self._heartbeat.value)

    def execute(self, claimed: ClaimedRun) -> None:
        """Send it a run to execute."""
        self._heartbeat.value = time.monotonic()
        self.claimed = claimed
        self.is_ready = False
        with suppress(OSError):  # the process has just ended, which its sentinel reports
            self.connection.send(claimed)

    def kill(self) -> None:
        """Kill it and its descendants; may be called from any thread. Its sentinel reports when it has ended."""
        kill_tree(self.pid)

    def kill_and_join(self) -> None:
        """Kill it and its descendants, and wait until it has ended."""
        if self._process.is_alive():
            kill_tree(self.pid)
        self._process.join(_KILL_TIMEOUT_S)
        self.connection.close()

    def reap(self) -> str:
        """Clean up after a process that has ended; return how it ended, in words."""
        self._process.join()
        self.connection.close()
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = "; it may have run out of memory" if code == -signal.SIGKILL else ""
            return f"its process was killed by {name}{hint}"
        return f"its process ended with exit code {code}"


def _execute_runs(
    connection: Connection, make_application: MakeApplication, caller: Caller, heartbeat: Any, heartbeat_s: float
) -> None:
    """Run the process: it ends when the service closes its end of the connection, or has ended itself."""
    try:
        with _leading_processes():
            watchdog = Watchdog(heartbeat, heartbeat_s, connection)
            raise_gc_threshold()
            application = make_application()
            _detach_guard()
            with suppress(EOFError, OSError):
                for _ in range(_MAX_RUNS):
                    _execute_next(application, connection, watchdog, caller)
            application.close()
    except Exception:
        logger.exception("The run process ends because of an unexpected error")
        sys.exit(1)


@contextmanager
def _leading_processes() -> Iterator[None]:
    """Lead a session, and let everything that is started in it end with this process; its guard sees to that."""
    os.setsid()
    guard.current().add_group(os.getpid())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave_signal_to_service)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    with guard.guarding_descendants():
        yield


def _detach_guard() -> None:
    """Wait until the guard is not a descendant, which would be killed with this process; then keep all others."""
    guard.current().wait_until_detached()
    adopt_orphans()


def _execute_next(application: Application, connection: Connection, watchdog: Watchdog, caller: Caller) -> None:
    connection.send(Ready())
    claimed: ClaimedRun = connection.recv()
    outcome = _execute(application, claimed, connection, watchdog, caller)
    has_hanging_threads = _has_hanging_threads()
    is_exiting = not children.end_other_than_kept() or has_hanging_threads
    with suppress(OSError):  # the service was killed meanwhile
        connection.send(Done(outcome, is_exiting))
    if is_exiting:
        os._exit(0)  # a thread cannot be killed, and the interpreter would wait for it


def _leave_signal_to_service(_number: int, _frame: object) -> None:
    """Ignore SIGINT and SIGTERM, which may reach all processes of a unit: the service decides what they mean."""


def _execute(
    application: Application, claimed: ClaimedRun, connection: Connection, watchdog: Watchdog, caller: Caller
) -> RunOutcome:
    def on_started(run: StartedRun) -> None:
        timeout_s = run.plan.runbook.config.timeout
        if timeout_s is not None:
            watchdog.set_limit(timeout_s)
        with suppress(OSError):  # the service was killed meanwhile; the run continues
            connection.send(Started(timeout_s))

    def on_closed(status: RunStatus) -> None:
        if status is RunStatus.TIMED_OUT:  # a component may still hang, so the limit stays
            return
        watchdog.clear_limit()
        with suppress(OSError):
            connection.send(Closed())

    with watchdog.watching(lambda: _is_lost(application, claimed)):
        listener = RunListener(started=on_started, closed=on_closed)
        return execute_claimed_run(application, claimed, caller=caller, listener=listener)


def _is_lost(application: Application, claimed: ClaimedRun) -> bool:
    """Return whether the run was cancelled or taken over; False if the database does not answer."""
    try:
        state = application.storage.runs.states_of([claimed.run_id]).get(claimed.run_id)
    except DatabaseError:
        return False
    return state is None or state.epoch != claimed.epoch


def _has_hanging_threads() -> bool:
    """Return whether a component's thread still runs after its run was closed; one that is about to end may do so."""
    deadline = time.monotonic() + _HANGING_GRACE_S
    while (threads := _component_threads()) and time.monotonic() < deadline:
        threads[0].join(0.005)
    return bool(threads)


def _component_threads() -> list[threading.Thread]:
    main_thread = threading.main_thread()
    return [thread for thread in threading.enumerate() if thread is not main_thread and not thread.daemon]
