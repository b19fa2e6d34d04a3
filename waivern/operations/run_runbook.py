"""Run a runbook, from its file to its history."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from waivern.operations.application import Application
from waivern.operations.show_history import RunDetails, show_run
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner
from waivern.runs.executor import DAGExecutor
from waivern.runs.run import ArtifactChange, RunStatus
from waivern.runs.run_log import OpenRun, RunLog

Listener = Callable[[ArtifactChange], None]


@dataclass(frozen=True)
class RunRequest:
    """What is to be run, and how; None leaves it to the runbook.

    Args:
        runbook: The runbook's file.
        timeout_s: Seconds after which what is not made is given up.
        max_concurrency: How many artifacts are made at once.
        working_directory: The folder that relative paths in properties are meant from.
        resume: A run to take up again: its id, a prefix of it, or "latest".
        trigger: What caused the run.
    """

    runbook: Path
    timeout_s: float | None = None
    max_concurrency: int | None = None
    working_directory: Path | None = None
    resume: str | None = None
    trigger: str = "manual"


def plan_runbook(application: Application, runbook: Path, *, working_directory: Path | None = None) -> ExecutionPlan:
    """Check a runbook whole.

    Raises:
        RunbookError, PlanError: it cannot be carried out; the text holds every reason.
    """
    planner = Planner(application.registry, environment=application.environment, working_directory=working_directory)
    return planner.plan(runbook)


def run_runbook(
    application: Application,
    request: RunRequest,
    *,
    opened: Callable[[str, ExecutionPlan], None] = lambda run_id, plan: None,  # noqa: ARG005
    changed: Listener = lambda change: None,  # noqa: ARG005
) -> RunDetails:
    """Plan and run a runbook, or take up a run of it again; return when the run is closed.

    SIGINT and SIGTERM close it as cancelled. A component that hangs beyond the deadline is left behind in its
    thread, which keeps the process from ending by itself.

    Args:
        application: What is installed.
        request: What is to be run.
        opened: Told the run's id and plan as soon as it is open.
        changed: Told each change of an artifact; called on the event loop, so it should be quick.

    Raises:
        RunbookError, PlanError, RunError: nothing was run.
        DatabaseError, RunTakenOverError: the run stopped half-way; it can be taken up again.
    """
    planned = plan_runbook(application, request.runbook, working_directory=request.working_directory)
    plan = _adjusted(planned, request)
    run = _open(application, plan, request)
    opened(run.run_id, plan)
    application.keep_artifacts_in(run.store)
    executor = DAGExecutor(application.registry, environment=application.environment, keep_messages=False)
    with suppress(KeyboardInterrupt, asyncio.CancelledError):  # the executor has closed the run as cancelled
        asyncio.run(_executed(executor, plan, _Reporting(run.log, changed)))
    return show_run(application, run.run_id)


def _open(application: Application, plan: ExecutionPlan, request: RunRequest) -> OpenRun:
    if request.resume is None:
        return application.storage.register.begin(plan, trigger=request.trigger)
    unfinished = application.storage.history.find(request.resume)
    return application.storage.register.take_up(unfinished.id, plan)


def _adjusted(plan: ExecutionPlan, request: RunRequest) -> ExecutionPlan:
    asked = {"timeout": request.timeout_s, "max_concurrency": request.max_concurrency}
    changes = {name: value for name, value in asked.items() if value is not None}
    config = plan.runbook.config.model_copy(update=changes)
    return replace(plan, runbook=plan.runbook.model_copy(update={"config": config}))


async def _executed(executor: DAGExecutor, plan: ExecutionPlan, log: RunLog) -> None:
    """Execute; a SIGTERM cancels as a Ctrl-C does."""
    running = asyncio.current_task()
    if running is not None:
        with suppress(ValueError, RuntimeError, NotImplementedError):  # not in the main thread, or not on this system
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await executor.execute(plan, run_log=log)


class _Reporting(RunLog):
    """Tells a listener what goes into the log."""

    def __init__(self, log: RunLog, changed: Listener) -> None:
        self._log = log
        self._changed = changed

    def open(self, plan: ExecutionPlan) -> frozenset[str]:
        return self._log.open(plan)

    def note(self, change: ArtifactChange) -> None:
        self._log.note(change)
        self._changed(change)

    def close(self, status: RunStatus, *, at: datetime, error: str | None = None) -> None:
        self._log.close(status, at=at, error=error)
