"""Execute a run that was claimed from the queue, and turn its errors into an outcome for the worker."""

import logging
from collections.abc import Callable
from enum import StrEnum

from waivern.caller import Caller
from waivern.errors import DatabaseError, RunError, RunTakenOverError, WaivernError
from waivern.operations.application import Application
from waivern.operations.runs.execute_run import execute_run
from waivern.operations.runs.run_report import RunReport
from waivern.operations.runs.run_request import RunListener, RunRequest
from waivern.runbooks.variables.substitution import with_due_at
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.runs.run import RunStatus
from waivern.runs.run_context import run_context
from waivern.runs.run_store import ClaimedRun

logger = logging.getLogger(__name__)


class RunOutcome(StrEnum):
    """What became of a claimed run: it was closed, another process owns it, or the database cannot be written."""

    CLOSED = "closed"
    TAKEN_OVER = "taken_over"
    DATABASE_UNAVAILABLE = "database_unavailable"


def execute_claimed_run(
    application: Application, claimed: ClaimedRun, *, caller: Caller, listener: RunListener
) -> RunOutcome:
    """Execute a claimed run; return when it is closed. What an earlier attempt has produced is kept.

    A runbook that cannot be planned fails the run, with the reasons as its error.

    Args:
        application: The application.
        claimed: The run; `${WAIVERN_DUE_AT}` is its scheduled time, or the time at which it was queued.
        caller: The worker that executes it.
        listener: Callbacks that follow the run.
    """
    environment = WatchedEnvironment(application.environment)
    request = RunRequest(claimed.runbook, working_directory=claimed.working_directory, claimed=claimed)
    try:
        with run_context(claimed.run_id, claimed.schedule):
            due = with_due_at(environment, claimed.due_at or claimed.created_at)
            report = execute_run(application, request, caller=caller, listener=listener, environment=due)
    except RunTakenOverError:
        return RunOutcome.TAKEN_OVER
    except DatabaseError as error:
        logger.error("The run cannot be recorded: %s", error, extra={"run_id": claimed.run_id})
        return RunOutcome.DATABASE_UNAVAILABLE
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything while its properties are checked
        return _fail(application, claimed, error, environment.redact, caller)
    _log_conclusion(report)
    return RunOutcome.CLOSED


def _log_conclusion(report: RunReport) -> None:
    log_fields = {"run_id": report.details.run.id, "schedule": report.details.run.schedule}
    for warning in report.warnings:
        logger.warning("%s", warning, extra=log_fields)
    if report.error is not None:
        logger.error("The gates of the run cannot be evaluated: %s", report.error, extra=log_fields)
    for result in () if report.conclusion is None else report.conclusion.failed_gates:
        logger.warning("Gate %s failed: %d violations", result.gate.text, result.violations, extra=log_fields)


def _fail(
    application: Application, claimed: ClaimedRun, error: Exception, redact: Callable[[str], str], caller: Caller
) -> RunOutcome:
    """Close a run that cannot be started or that a bug has stopped, unless it is closed already."""
    is_expected = isinstance(error, WaivernError)
    text = redact(str(error) if is_expected else f"{type(error).__name__}: {error}")
    log_fields = {"run_id": claimed.run_id, "schedule": claimed.schedule}
    logger.error("The run cannot be executed: %s", text, exc_info=None if is_expected else error, extra=log_fields)
    status = RunStatus.INTERRUPTED if isinstance(error, RunError) else RunStatus.FAILED
    try:
        application.storage.runs.close(claimed.run_id, claimed.epoch, status, caller=caller, error=text)
    except DatabaseError:
        return RunOutcome.DATABASE_UNAVAILABLE
    return RunOutcome.CLOSED
