"""Execute a run: plan it, run it, and conclude it. The terminal and the workers both use this."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from waivern.caller import Caller
from waivern.errors import RunError, RunTakenOverError, UsageError, WaivernError
from waivern.formats.decision_file import read_decision_file
from waivern.history.run_records import LATEST, RunFilter
from waivern.operations.application import Application
from waivern.operations.exports.export_artifacts import export_artifacts
from waivern.operations.exports.export_run import check_export, export_after_run, with_organisation_file
from waivern.operations.history.show_history import show_executed_run
from waivern.operations.runs.conclude_run import conclude_run
from waivern.operations.runs.plan_runbook import environment_now, plan_runbook
from waivern.operations.runs.run_report import RunReport
from waivern.operations.runs.run_request import RunListener, RunRequest, StartedRun
from waivern.plans.plan import ExecutionPlan
from waivern.runs.executor import DAGExecutor
from waivern.runs.result import ExecutionResult
from waivern.runs.run import ArtifactChange, FailedAttempt, RunStatus
from waivern.runs.run_context import run_context
from waivern.runs.run_log import RunLog
from waivern.runs.run_store import RunHandle

logger = logging.getLogger(__name__)

T = TypeVar("T")


def execute_run(
    application: Application,
    request: RunRequest,
    *,
    caller: Caller,
    listener: RunListener = RunListener(),  # noqa: B008  immutable
    environment: Mapping[str, str] | None = None,
) -> RunReport:
    """Plan and execute a run, compare it to the previous one, evaluate its gates and write its exports.

    At a terminal SIGINT, SIGTERM and SIGHUP close the run as cancelled. A component that hangs beyond the deadline is
    left behind in its thread, which keeps the process from exiting by itself.

    Args:
        application: The application.
        request: The run.
        caller: Who executes it.
        listener: Callbacks that follow the run.
        environment: Where `${NAME}` is looked up; None: in the application's environment.

    Returns:
        The report of the closed run. Problems after its end are in the report's `warnings` and `error`.

    Raises:
        RunbookError, PlanError, RunError, DecisionError, ExportError, UsageError: nothing was executed.
        DatabaseError, RunTakenOverError: the run stopped before its end; it can be resumed.
    """
    _check_outputs(request)
    environment = environment_now(application) if environment is None else environment
    decisions = None if request.replay is not None else read_decision_file(request.runbook)
    plan = _plan(application, request, environment)
    run = _start(application, plan, request, caller)
    with run_context(run.run_id, None if request.claimed is None else request.claimed.schedule):
        if request.replay is None:
            application.storage.decisions.use_file(plan.runbook.name, decisions, run_id=run.run_id, caller=caller)
        _notify(listener.started, StartedRun(run.run_id, plan, run.already_succeeded))
        executor = DAGExecutor(
            application.registry,
            store=run.store,
            environment=environment,
            keep_messages=False,
            part_results=application.storage.part_results,
        )
        result = _execute(executor, plan, run.log, request, listener)
        status = RunStatus.CANCELLED if result is None else result.status
        _notify(listener.closed, status)
        return _conclude(application, run, plan, request, status, caller)


def _check_outputs(request: RunRequest) -> None:
    """Check before hours of work that the results can be written."""
    if request.output_dir is not None:
        _check_folder_writable(request.output_dir)
    for export in request.exports:
        check_export(with_organisation_file(export, request.runbook))


def _check_folder_writable(folder: Path) -> None:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise UsageError(
            f"Cannot write to {folder}: {nearest} is not a folder in which this user has write permission",
            remedy="Choose a different folder",
        )


def _plan(application: Application, request: RunRequest, environment: Mapping[str, str]) -> ExecutionPlan:
    plan = plan_runbook(
        application,
        request.runbook,
        working_directory=request.working_directory,
        environment=environment,
        replay=request.replay,
    )
    _refuse_changed_children(application, plan, request.reanalysis_of)
    default_s = application.timeout_s if request.claimed is None else application.service_timeout_s
    timeout_s = request.timeout_s or plan.runbook.config.timeout or default_s
    overrides = {"timeout": timeout_s, "max_concurrency": request.max_concurrency}
    config = plan.runbook.config.model_copy(
        update={name: value for name, value in overrides.items() if value is not None}
    )
    return replace(plan, runbook=plan.runbook.model_copy(update={"config": config}))


def _refuse_changed_children(application: Application, plan: ExecutionPlan, reanalysis_of: str | None) -> None:
    """A child runbook that is referred to by an absolute path is read as it is today."""
    if reanalysis_of is None or application.storage.history.find(reanalysis_of).runbook_digest == plan.digest:
        return
    raise RunError(
        f"A child runbook of the run {reanalysis_of} is in a folder that config.template_paths names absolutely, "
        "and has changed since",
        remedy="Run the runbook again",
    )


def _start(application: Application, plan: ExecutionPlan, request: RunRequest, caller: Caller) -> RunHandle:
    runs = application.storage.runs
    if request.claimed is not None:
        return runs.adopt_claimed(request.claimed, plan, caller=caller)
    if request.resume is not None:
        return runs.resume(_run_to_resume(application, plan, request.resume), plan, caller=caller)
    return runs.create(plan, trigger=request.trigger, caller=caller, reanalysis_of=request.reanalysis_of)


def _run_to_resume(application: Application, plan: ExecutionPlan, run: str) -> str:
    history = application.storage.history
    if run != LATEST:
        return history.find(run).id
    newest = history.recent(RunFilter(runbook=plan.runbook.name, without_reanalyses=True), limit=1)
    if not newest:
        raise RunError(f"'{plan.runbook.name}' has not been run yet", remedy="Omit --resume")
    return newest[0].id


def _execute(
    executor: DAGExecutor, plan: ExecutionPlan, log: RunLog, request: RunRequest, listener: RunListener
) -> ExecutionResult | None:
    """Return the result, or None if the run was cancelled in this process; it is closed then."""
    if listener.changed is not None:
        log = _ReportingLog(log, listener.changed)
    if request.claimed is not None:
        return asyncio.run(executor.execute(plan, run_log=log))
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        return asyncio.run(_execute_until_signalled(executor, plan, log))
    return None


async def _execute_until_signalled(executor: DAGExecutor, plan: ExecutionPlan, log: RunLog) -> ExecutionResult:
    """Execute; SIGTERM and SIGHUP (a closed terminal) cancel as Ctrl-C does."""
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if task is not None and signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` ignores SIGHUP on purpose
            with suppress(ValueError, RuntimeError, NotImplementedError):  # only the main thread handles signals
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await executor.execute(plan, run_log=log)


def _conclude(
    application: Application,
    run: RunHandle,
    plan: ExecutionPlan,
    request: RunRequest,
    status: RunStatus,
    caller: Caller,
) -> RunReport:
    report = RunReport(status, show_executed_run(application, run.run_id))
    gates = [*plan.runbook.gates, *request.gates]
    try:
        report = replace(report, conclusion=conclude_run(application, report.details, gates, caller=caller))
    except WaivernError as error:
        if gates:
            return report.with_error(error)
        report = replace(report, warnings=[f"The run cannot be compared to the previous one: {error}"])
    return _write_outputs(application, report, request, caller)


def _write_outputs(application: Application, report: RunReport, request: RunRequest, caller: Caller) -> RunReport:
    run = report.details.run
    try:
        if request.output_dir is not None:
            report = replace(report, files=export_artifacts(application, run.id, request.output_dir))
        for export in request.exports:
            written = export_after_run(application, run, export, runbook=request.runbook, caller=caller)
            report = replace(report, exports=[*report.exports, written])
    except WaivernError as error:
        return report.with_error(error)
    return report


def _notify(callback: Callable[[T], None] | None, value: T) -> None:
    if callback is not None:
        with _logged_errors():
            callback(value)


@contextmanager
def _logged_errors() -> Iterator[None]:
    """Log errors of a callback instead of raising them."""
    try:
        yield
    except Exception:
        logger.exception("The progress of the run cannot be shown")


class _ReportingLog(RunLog):
    """Passes each change on to the log, then to a callback."""

    def __init__(self, log: RunLog, changed: Callable[[ArtifactChange], None]) -> None:
        self._log = log
        self._changed = changed

    def open(self, plan: ExecutionPlan) -> frozenset[str]:
        return self._log.open(plan)

    def record(self, change: ArtifactChange) -> None:
        self._log.record(change)
        _notify(self._changed, change)

    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        self._log.record_failed_attempt(attempt)

    def on_lost(self, callback: Callable[[RunTakenOverError], None]) -> None:
        self._log.on_lost(callback)

    def abandon(self, *, error: str) -> None:
        self._log.abandon(error=error)

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        self._log.close(status, error=error)
