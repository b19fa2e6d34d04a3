"""Check runbooks without running them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import DatabaseError, PlanError, WaivernError
from waivern.operations.application import Application
from waivern.operations.run_runbook import plan_runbook


@dataclass(frozen=True)
class Validation:
    """What is wrong with one runbook: nothing where `problems` is empty."""

    runbook: Path
    problems: tuple[str, ...] = ()

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
    try:
        plan_runbook(application, runbook, working_directory=working_directory)
    except PlanError as error:
        return Validation(runbook, error.problems)
    except DatabaseError:
        raise
    except WaivernError as error:
        return Validation(runbook, (str(error),))
    return Validation(runbook)
