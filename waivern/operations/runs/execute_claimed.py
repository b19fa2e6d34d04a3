"""Carry out a run that was claimed from the queue."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from waivern.caller import Caller
from waivern.errors import DatabaseError, RunError, RunTakenOverError, WaivernError
from waivern.formats.decision_file import read_decision_file
from waivern.operations.application import Application
from waivern.operations.runs.conclude_run import conclude_run
from waivern.operations.runs.run_runbook import plan_runbook
from waivern.operations.runs.show_history import show_run
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.variables.substitution import with_due_at
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.runs.current_run import marked
from waivern.runs.executor import DAGExecutor
from waivern.runs.run import RunStatus
from waivern.runs.run_store import ClaimedRun

logger = logging.getLogger(__name__)


class CarriedOut(StrEnum):
    """What became of a claimed run: it was closed, or is another's now, or the database could not be written."""

    ENDED = "ended"
    CHANGED_HANDS = "changed_hands"
    DATABASE_GONE = "database_gone"


@dataclass(frozen=True)
class Listener:
    """Whoever is told how far a claimed run is.

    Args:
        begun: Told the seconds that the run has from now on (None: any number) as soon as it has begun.
        closed: Called when the run is closed before its deadline: what comes now is no part of it.
    """

    begun: Callable[[float | None], None]
    closed: Callable[[], None]


def carry_out_run(application: Application, claimed: ClaimedRun, listener: Listener, *, caller: Caller) -> CarriedOut:
    """Plan a claimed run and make its artifacts; return when it is closed.

    A runbook that does not plan fails the run, with the reasons as its error. What an earlier attempt made stays.

    Args:
        application: What is installed.
        claimed: The run; `${WAIVERN_DUE_AT}` stands for the instant that it was due, else for that of its queueing.
        listener: Told how far it is.
        caller: The worker that executes it.
    """
    environment = WatchedEnvironment(application.environment)
    try:
        with marked(claimed.run_id, claimed.schedule):
            due = with_due_at(environment, claimed.due_at or claimed.created_at)
            _carry_out(application, claimed, due, listener, caller)
    except RunTakenOverError:
        return CarriedOut.CHANGED_HANDS
    except DatabaseError as error:
        logger.error("The run cannot be recorded: %s", error, extra={"run_id": claimed.run_id})
        return CarriedOut.DATABASE_GONE
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything while it is asked about its properties
        return _refuse(application, claimed, error, environment.redact, caller)
    return CarriedOut.ENDED


def _carry_out(
    application: Application,
    claimed: ClaimedRun,
    environment: Mapping[str, str],
    listener: Listener,
    caller: Caller,
) -> None:
    decisions = read_decision_file(claimed.runbook)
    plan = plan_runbook(
        application, claimed.runbook, working_directory=claimed.working_directory, environment=environment
    )
    run = application.storage.runs.adopt_claimed(claimed, plan, caller=caller)
    listener.begun(plan.runbook.config.timeout)
    application.storage.decisions.use_file(plan.runbook.name, decisions, run_id=run.run_id, caller=caller)
    executor = DAGExecutor(application.registry, store=run.store, environment=environment, keep_messages=False)
    result = asyncio.run(executor.execute(plan, run_log=run.log))
    if result.status is not RunStatus.TIMED_OUT:  # else a component may hang on, and keep us from everything
        listener.closed()
    _conclude(application, run.run_id, plan, caller)


def _conclude(application: Application, run_id: str, plan: ExecutionPlan, caller: Caller) -> None:
    """Try the gates of a run that has ended; that this cannot be done does not make the run another."""
    try:
        conclusion = conclude_run(application, show_run(application, run_id), plan.runbook.gates, caller=caller)
    except Exception:
        logger.exception("The gates of the run cannot be tried", extra={"run_id": run_id})
        return
    for result in conclusion.failed_gates:
        logger.warning("Gate %s failed: %d violations", result.gate.text, result.violations, extra={"run_id": run_id})


def _refuse(
    application: Application, claimed: ClaimedRun, error: Exception, redact: Callable[[str], str], caller: Caller
) -> CarriedOut:
    """End a run that cannot be begun, or broke off for no reason of its own; if it is closed by now, leave it."""
    is_expected = isinstance(error, WaivernError)
    text = redact(str(error) if is_expected else f"{type(error).__name__}: {error}")
    about = {"run_id": claimed.run_id, "schedule": claimed.schedule}
    logger.error("The run broke off: %s", text, exc_info=None if is_expected else error, extra=about)
    status = RunStatus.INTERRUPTED if isinstance(error, RunError) else RunStatus.FAILED
    try:
        application.storage.runs.close(claimed.run_id, claimed.epoch, status, caller=caller, error=text)
    except DatabaseError:
        return CarriedOut.DATABASE_GONE
    return CarriedOut.ENDED
