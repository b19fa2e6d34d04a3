"""Plan a runbook: check all of it before anything runs."""

from collections.abc import Mapping
from pathlib import Path

from waivern.operations.application import Application
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner
from waivern.plans.replay_sources import ReplaySources
from waivern.runbooks.variables.substitution import DUE_AT, with_due_at
from waivern.runs.run import utc_now


def plan_runbook(
    application: Application,
    runbook: Path,
    *,
    working_directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    replay: ReplaySources | None = None,
) -> ExecutionPlan:
    """Check a runbook and return its plan.

    Args:
        application: The application.
        runbook: The runbook's file.
        working_directory: The base of relative paths in properties; None: the runbook's folder.
        environment: Where `${NAME}` is looked up; None: in the application's environment.
        replay: The artifacts that an earlier run read, to be used instead of reading the sources.

    Raises:
        RunbookError, PlanError: the runbook is invalid; names every problem.
    """
    lookup = environment_now(application) if environment is None else environment
    planner = Planner(application.registry, environment=lookup, working_directory=working_directory, replay=replay)
    return planner.plan(runbook)


def environment_now(application: Application) -> Mapping[str, str]:
    """Return the application's environment, with the present instant as `WAIVERN_DUE_AT` unless it is set."""
    environment = application.environment
    return environment if environment.get(DUE_AT) else with_due_at(environment, utc_now())
