"""One run, one process: kept warm between runs, and ended by force where a component would not end."""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
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
from waivern.runs.run import RunStatus
from waivern.runs.run_store import ClaimedRun
from waivern.service.self_watch import SelfWatch

logger = logging.getLogger(__name__)

MakeApplication = Callable[[], Application]
"""Sets up a process of its own (logs, plug-ins) and returns its application; can be pickled."""

_TIME_TO_END_S = 0.1
_GONE_WITHIN_S = 5.0  # longer only where the kernel itself waits for a device, which nobody can end
_MOST_RUNS = 200  # then a fresh process takes its place, whatever the components have left behind in it
_PRELOADED = ("waivern.bootstrap", "waivern.plans.planner", "waivern.database.connection.engine")
_FIRST_TO_GO = "500"  # of -1000 to 1000: a run, not the service, is ended where the machine runs out of memory


@dataclass(frozen=True)
class Ready:
    """The process can be given a run."""


@dataclass(frozen=True)
class Begun:
    """The run was begun; it has `timeout_s` seconds from now, or any number."""

    timeout_s: float | None


@dataclass(frozen=True)
class Closed:
    """The run was closed before its deadline, which does not hold for what is still to be said of it."""


@dataclass(frozen=True)
class Done:
    """The process is through with its run; it ends where threads of components still hang in it."""

    outcome: RunOutcome
    is_spent: bool


class RunProcess:
    """The service's end of a process that carries out one run after another.

    Everything that it says comes out of `connection`; `sentinel` becomes ready when it has ended. While it is carrying
    out a run `claimed` holds it.

    Args:
        context: How processes are started.
        make_application: Sets it up.
        caller: Who executes the runs, for the audit log.
        beat_s: How often it shows that it is not stopped or stuck as a whole, in seconds.
    """

    def __init__(
        self, context: BaseContext, make_application: MakeApplication, *, caller: Caller, beat_s: float
    ) -> None:
        self.connection, inside = context.Pipe()
        self._beat = context.RawValue("d", time.monotonic())
        self._process: Any = context.Process(  # type: ignore[attr-defined]  # each context has one
            target=_carry_out_runs,
            args=(inside, make_application, caller, self._beat, beat_s),
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
    def silent_s(self) -> float:
        """Return the seconds since it showed that it is at work."""
        return time.monotonic() - float(self._beat.value)

    def give(self, claimed: ClaimedRun) -> None:
        """Let it carry out a run."""
        self._beat.value = time.monotonic()
        self.claimed = claimed
        self.is_ready = False
        with suppress(OSError):  # it has just ended, which its sentinel tells
            self.connection.send(claimed)

    def kill(self) -> None:
        """End it at once, whatever it does, and wait until it is gone."""
        self._process.kill()
        self._process.join(_GONE_WITHIN_S)
        self.connection.close()

    def strike(self) -> None:
        """End it at once; may be called from any thread, and its sentinel tells when it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def reap(self) -> str:
        """Say in words how the process that has ended did so."""
        self._process.join()
        self.connection.close()
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = "; it may have run out of memory" if code == -signal.SIGKILL else ""
            return f"its process was ended by {name}{hint}"
        return f"its process ended with exit code {code}"


def warm_context() -> BaseContext:
    """Return the way in which processes are started: forked off a server that has imported everything already.

    The server lives through a SIGTERM that is meant for the service, which needs its processes to the end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [__name__, "waivern.bootstrap", "waivern.plans.planner", "waivern.database.connection.engine"]
    )
    if threading.current_thread() is not threading.main_thread():
        return context
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        from multiprocessing import forkserver

        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGTERM, handler)
    return context


def _carry_out_runs(
    connection: Connection, make_application: MakeApplication, caller: Caller, beat: Any, beat_s: float
) -> None:
    """The life of the process: it ends when the service closes its end of the connection, or is gone."""
    watch = SelfWatch(beat, beat_s, connection)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave_it_to_the_service)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    raise_gc_threshold()
    application = make_application()
    with suppress(EOFError, OSError):
        for _ in range(_MOST_RUNS):
            connection.send(Ready())
            claimed: ClaimedRun = connection.recv()
            outcome = _carry_out_one(application, claimed, connection, watch, caller)
            is_spent = _threads_hang()
            with suppress(OSError):  # the service was killed meanwhile, and nothing else keeps this process
                connection.send(Done(outcome, is_spent))
            if is_spent:
                os._exit(0)  # nobody can end a thread, and the interpreter would wait for it
    application.close()


def _leave_it_to_the_service(_number: int, _frame: object) -> None:
    """A Ctrl-C or a stop goes to all processes of a group; the service decides what it means for a run."""


def _carry_out_one(
    application: Application, claimed: ClaimedRun, connection: Connection, watch: SelfWatch, caller: Caller
) -> RunOutcome:
    def started(run: StartedRun) -> None:
        timeout_s = run.plan.runbook.config.timeout
        if timeout_s is not None:
            watch.limit(timeout_s)
        with suppress(OSError):  # the service was killed meanwhile; the run goes on
            connection.send(Begun(timeout_s))

    def closed(status: RunStatus) -> None:
        if status is RunStatus.TIMED_OUT:  # a component may hang on; the deadline holds for what follows, too
            return
        watch.lift_limit()
        with suppress(OSError):
            connection.send(Closed())

    with watch.over_run(lambda: _is_lost(application, claimed)):
        return execute_claimed_run(
            application, claimed, caller=caller, listener=RunListener(started=started, closed=closed)
        )


def _is_lost(application: Application, claimed: ClaimedRun) -> bool:
    """Say whether the run was cancelled or changed hands; False also where the database does not say."""
    try:
        state = application.storage.runs.states_of([claimed.run_id]).get(claimed.run_id)
    except DatabaseError:
        return False
    return state is None or state.epoch != claimed.epoch


def _threads_hang() -> bool:
    """Say whether a component's thread still runs although the run is closed; one about to end is given a moment."""
    patience = time.monotonic() + _TIME_TO_END_S
    while (others := _others()) and time.monotonic() < patience:
        others[0].join(0.005)
    return bool(others)


def _others() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]
