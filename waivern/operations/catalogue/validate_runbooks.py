"""Check runbooks without running them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import DatabaseError, DatabaseMissingError, DecisionError, PlanError, WaivernError
from waivern.history.decision_file import decisions_beside
from waivern.history.decision_log import DecisionFile
from waivern.history.finding import Finding
from waivern.history.run_history import RunFilter
from waivern.operations.application import Application
from waivern.operations.findings.compare_runs import findings_held
from waivern.operations.findings.decision_status import today
from waivern.operations.runs.run_runbook import plan_runbook
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import RunStatus


@dataclass(frozen=True)
class Validation:
    """What is wrong with one runbook: nothing where `problems` is empty.

    `warnings` tells what is written in it and has no effect, and decisions of the file beside it that count no more.
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
    """Return every problem of every runbook; one that is wrong does not hide another's.

    Raises:
        DatabaseError: a runbook reuses what an earlier run made, and the database cannot be asked for it.
    """
    return [_validated(application, runbook, working_directory) for runbook in runbooks]


def _validated(application: Application, runbook: Path, working_directory: Path | None) -> Validation:
    problems: tuple[str, ...] = ()
    plan: ExecutionPlan | None = None
    try:
        plan = plan_runbook(application, runbook, working_directory=working_directory)
    except PlanError as error:
        problems = error.problems
    except DatabaseMissingError as error:  # it reuses what a run made, and there was none
        problems = (str(error),)
    except DatabaseError:
        raise
    except WaivernError as error:
        problems = (str(error),)
    try:
        file = decisions_beside(runbook)
    except DecisionError as error:
        return Validation(runbook, (*problems, str(error)))
    named = None if plan is None else plan.runbook.name
    remarks = () if plan is None else plan.warnings
    lapsed = () if file is None else _lapsed(application, named, file)
    return Validation(runbook, problems, (*remarks, *lapsed))


def _lapsed(application: Application, runbook: str | None, file: DecisionFile) -> Iterator[str]:
    day = today()
    for decision in file.decisions:
        if decision.has_expired(day):
            yield f"{file.name}: {decision.about}: the decision has expired on {decision.until}"
    if runbook is None:
        return
    try:
        held = _held_by_newest(application, runbook)
    except DatabaseMissingError:  # nothing was ever run
        return
    except DatabaseError as error:
        yield f"{file.name}: whether its decisions still match cannot be told: {error}"
        return
    for decision in file.decisions:
        if held is not None and not decision.has_expired(day) and not any(map(decision.means, held)):
            yield f"{file.name}: {decision.about}: the newest complete run of '{runbook}' found nothing that it matches"


def _held_by_newest(application: Application, runbook: str) -> list[Finding] | None:
    wanted = RunFilter(runbook=runbook, status=RunStatus.SUCCEEDED, without_reanalyses=True)
    newest = application.storage.history.recent(wanted, limit=1)
    return findings_held(application, newest[0]) if newest else None
