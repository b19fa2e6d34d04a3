"""Run a runbook, from its file to its history."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from waivern.caller import Caller
from waivern.errors import RunError, RunTakenOverError
from waivern.formats.decision_file import read_decision_file
from waivern.history.run_records import LATEST, RunDetails, RunFilter
from waivern.operations.application import Application
from waivern.operations.runs.show_history import show_run
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner
from waivern.plans.replay_sources import ReplaySources
from waivern.runbooks.variables.substitution import DUE_AT, with_due_at
from waivern.runs.current_run import marked
from waivern.runs.executor import DAGExecutor
from waivern.runs.run import ArtifactChange, FailedAttempt, RunStatus, Trigger, utc_now
from waivern.runs.run_log import RunLog
from waivern.runs.run_store import RunHandle

logger = logging.getLogger(__name__)

Listener = Callable[[ArtifactChange], None]


@dataclass(frozen=True)
class RunRequest:
    """What is to be run, and how; None leaves it to the runbook.

    Args:
        runbook: The runbook's file.
        timeout_s: Seconds after which what is not made is given up.
        max_concurrency: How many artifacts are made at once.
        working_directory: The folder that relative paths in properties are meant from.
        resume: A run to take up again: its id, a prefix of it, or "latest", the newest of this runbook.
        trigger: What caused the run.
        earlier: What a run had read, in place of what sources would read now: a reanalysis of that run.
    """

    runbook: Path
    timeout_s: float | None = None
    max_concurrency: int | None = None
    working_directory: Path | None = None
    resume: str | None = None
    trigger: str = Trigger.MANUAL.value
    earlier: ReplaySources | None = None

    @property
    def reanalysis_of(self) -> str | None:
        """The id of the run whose sources are taken over."""
        return None if self.earlier is None else self.earlier.run_id


def plan_runbook(
    application: Application,
    runbook: Path,
    *,
    working_directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    earlier: ReplaySources | None = None,
) -> ExecutionPlan:
    """Check a runbook whole; `${NAME}` is looked up in `environment`, else in the application's.

    With `earlier`, sources are not asked: what they would read is what that run had read.

    Raises:
        RunbookError, PlanError: it cannot be carried out; the text holds every reason.
    """
    found_in = _environment_now(application) if environment is None else environment
    planner = Planner(application.registry, environment=found_in, working_directory=working_directory, replay=earlier)
    return planner.plan(runbook)


def run_runbook(
    application: Application,
    request: RunRequest,
    *,
    caller: Caller,
    opened: Callable[[str, ExecutionPlan], None] = lambda run_id, plan: None,  # noqa: ARG005
    changed: Listener = lambda change: None,  # noqa: ARG005
) -> RunDetails:
    """Plan and run a runbook, or take up a run of it again; return when the run is closed.

    SIGINT, SIGTERM and SIGHUP close it as cancelled. A component that hangs beyond the deadline is left behind in its
    thread, which keeps the process from ending by itself.

    Args:
        application: What is installed.
        request: What is to be run.
        caller: Who runs it.
        opened: Told the run's id and plan as soon as it is open.
        changed: Told each change of an artifact; called on the event loop, so it should be quick.

    Raises:
        RunbookError, PlanError, RunError, DecisionError: nothing was run.
        DatabaseError, RunTakenOverError: the run stopped half-way; it can be taken up again.
    """
    is_reanalysis = request.earlier is not None
    decisions = None if is_reanalysis else read_decision_file(request.runbook)
    environment = _environment_now(application)
    planned = plan_runbook(
        application,
        request.runbook,
        working_directory=request.working_directory,
        environment=environment,
        earlier=request.earlier,
    )
    plan = _adjusted(planned, request)
    _refuse_another_text(application, plan, request.reanalysis_of)
    run = _open(application, plan, request, caller)
    if not is_reanalysis:
        application.storage.decisions.use_file(plan.runbook.name, decisions, run_id=run.run_id, caller=caller)
    with _unhindered():
        opened(run.run_id, plan)
    executor = DAGExecutor(application.registry, store=run.store, environment=environment, keep_messages=False)
    with (
        marked(run.run_id),
        suppress(KeyboardInterrupt, asyncio.CancelledError),
    ):  # the executor has closed the run as cancelled
        asyncio.run(_executed(executor, plan, _Reporting(run.log, changed)))
    return show_run(application, run.run_id)


def _environment_now(application: Application) -> Mapping[str, str]:
    """A run by hand is due now, unless whoever starts it says otherwise."""
    environment = application.environment
    return environment if environment.get(DUE_AT) else with_due_at(environment, utc_now())


def _open(application: Application, plan: ExecutionPlan, request: RunRequest, caller: Caller) -> RunHandle:
    if request.resume is None:
        return application.storage.runs.create(
            plan, trigger=request.trigger, caller=caller, reanalysis_of=request.reanalysis_of
        )
    return application.storage.runs.resume(_unfinished(application, plan, request.resume), plan, caller=caller)


def _refuse_another_text(application: Application, plan: ExecutionPlan, reanalysis_of: str | None) -> None:
    """A child runbook that is named by an absolute path is what it is today."""
    if reanalysis_of is None or application.storage.history.find(reanalysis_of).runbook_digest == plan.digest:
        return
    raise RunError(
        f"A child runbook of the run {reanalysis_of} is from a folder that config.template_paths names absolutely; "
        "only its text of today could be used",
        remedy="Run the runbook anew",
    )


def _unfinished(application: Application, plan: ExecutionPlan, run: str) -> str:
    """The id of the run that is meant; "latest" is that of this runbook."""
    history = application.storage.history
    if run == LATEST:
        newest = history.recent(RunFilter(runbook=plan.runbook.name, without_reanalyses=True), limit=1)
        if not newest:
            raise RunError(f"'{plan.runbook.name}' has not been run yet", remedy="Leave --resume out")
        return newest[0].id
    return history.find(run).id


def _adjusted(plan: ExecutionPlan, request: RunRequest) -> ExecutionPlan:
    asked = {"timeout": request.timeout_s, "max_concurrency": request.max_concurrency}
    changes = {name: value for name, value in asked.items() if value is not None}
    config = plan.runbook.config.model_copy(update=changes)
    return replace(plan, runbook=plan.runbook.model_copy(update={"config": config}))


async def _executed(executor: DAGExecutor, plan: ExecutionPlan, log: RunLog) -> None:
    """Execute; a SIGTERM, or a terminal that is closed, cancels as a Ctrl-C does."""
    running = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if running is not None and signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` means it
            with suppress(
                ValueError, RuntimeError, NotImplementedError
            ):  # not in the main thread, or not on this system
                asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    await executor.execute(plan, run_log=log)


@contextmanager
def _unhindered() -> Iterator[None]:
    """Whoever only watches a run cannot make it fail."""
    try:
        yield
    except Exception:
        logger.exception("The progress of the run cannot be shown")


class _Reporting(RunLog):
    """Tells a listener what goes into the log."""

    def __init__(self, log: RunLog, changed: Listener) -> None:
        self._log = log
        self._changed = changed

    def open(self, plan: ExecutionPlan) -> frozenset[str]:
        return self._log.open(plan)

    def record(self, change: ArtifactChange) -> None:
        self._log.record(change)
        with _unhindered():
            self._changed(change)

    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        self._log.record_failed_attempt(attempt)

    def on_lost(self, callback: Callable[[RunTakenOverError], None]) -> None:
        self._log.on_lost(callback)

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        self._log.close(status, error=error)
