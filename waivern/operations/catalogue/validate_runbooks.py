"""Check runbooks without running them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import DatabaseError, DatabaseMissingError, DecisionError, PlanError, WaivernError
from waivern.formats.decision_file import read_decision_file
from waivern.history.decision_log import DecisionFile
from waivern.history.finding import Finding
from waivern.history.run_records import RunFilter
from waivern.operations.application import Application
from waivern.operations.findings.compare_runs import findings_of_run
from waivern.operations.findings.decision_status import today
from waivern.operations.runs.plan_runbook import plan_runbook
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import RunStatus


@dataclass(frozen=True)
class Validation:
    """The result of validating one runbook.

    Args:
        runbook: The runbook's file.
        problems: What is wrong with it; empty if it is valid.
        warnings: Keys without effect, and expired or stale decisions in the file beside it.
    """

    runbook: Path
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not self.problems


def validate_runbooks(
    application: Application, runbooks: Sequence[Path], *, working_directory: Path | None = None
) -> list[Validation]:
    """Return the validation of each runbook.

    Raises:
        DatabaseError: a runbook reuses an artifact of an earlier run, and the database cannot be read.
    """
    return [_validate(application, runbook, working_directory) for runbook in runbooks]


def _validate(application: Application, runbook: Path, working_directory: Path | None) -> Validation:
    problems: tuple[str, ...] = ()
    plan: ExecutionPlan | None = None
    try:
        plan = plan_runbook(application, runbook, working_directory=working_directory)
    except PlanError as error:
        problems = error.problems
    except DatabaseMissingError as error:  # it reuses an artifact of an earlier run, but there is no database yet
        problems = (str(error),)
    except DatabaseError:
        raise
    except WaivernError as error:
        problems = (str(error),)
    try:
        file = read_decision_file(runbook)
    except DecisionError as error:
        return Validation(runbook, (*problems, str(error)))
    name = None if plan is None else plan.runbook.name
    plan_warnings = () if plan is None else plan.warnings
    decision_warnings = () if file is None else _decision_warnings(application, name, file)
    return Validation(runbook, problems, (*plan_warnings, *decision_warnings))


def _decision_warnings(application: Application, runbook: str | None, file: DecisionFile) -> Iterator[str]:
    current_day = today()
    for decision in file.decisions:
        if decision.has_expired(current_day):
            yield f"{file.name}: {decision.target_text}: the decision expired on {decision.until}"
    if runbook is None:
        return
    try:
        findings = _current_findings(application, runbook)
    except DatabaseMissingError:  # there are no runs yet
        return
    except DatabaseError as error:
        yield f"{file.name}: cannot check whether its decisions still match: {error}"
        return
    for decision in file.decisions:
        if findings is not None and not decision.has_expired(current_day) and not any(map(decision.matches, findings)):
            problem = f"it matches no finding of the newest complete run of '{runbook}'"
            yield f"{file.name}: {decision.target_text}: {problem}"


def _current_findings(application: Application, runbook: str) -> list[Finding] | None:
    complete = RunFilter(runbook=runbook, status=RunStatus.SUCCEEDED, without_reanalyses=True)
    newest = application.storage.history.recent(complete, limit=1)
    return findings_of_run(application, newest[0]) if newest else None
