"""A schedule: which runbook is run when, and what happens when that cannot be kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from waivern.errors import ScheduleError
from waivern.schedules.timing import Timing

_LONGEST_NAME = 200


class CatchUp(StrEnum):
    """Which of the instants that were missed are run after all: none, the newest, or as many as are allowed."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What becomes of a due instant while the last run is going on: no run, a run after it, or a run beside it."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class ScheduleStatus(StrEnum):
    """Whether due instants are run, skipped, or no longer there."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True)
class ScheduleDefinition:
    """What a person decides about a schedule.

    Args:
        name: What it is called, in one line.
        runbook: The runbook's file, absolute.
        runbook_name: The runbook's name.
        timing: When it is due.
        catch_up: What becomes of instants that were missed.
        max_catch_up: With `CatchUp.ALL`, how many of them are run; the newest.
        overlap: What becomes of an instant while the last run is going on.
        jitter_s: A run on time begins up to so many seconds later, each instant by a share of its own.
        priority: Higher ones are claimed first.
        max_attempts: How often a run may be begun before it counts as interrupted.
        working_directory: The folder that relative paths in properties are meant from, absolute.
        notify: Whom to tell, as the runbook's `schedule.notify` has it, unresolved.
        declared_in: The folder of runbooks that it was read from; None where a person added it.

    Raises:
        ScheduleError: the name is none.
    """

    name: str
    runbook: Path
    runbook_name: str
    timing: Timing
    catch_up: CatchUp = CatchUp.LATEST
    max_catch_up: int = 100
    overlap: Overlap = Overlap.SKIP
    jitter_s: float = 0.0
    priority: int = 0
    max_attempts: int = 3
    working_directory: Path | None = None
    notify: Mapping[str, Any] | None = None
    declared_in: str | None = None

    def __post_init__(self) -> None:
        name = self.name
        if not name or name != name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise ScheduleError(
                f"{name[:60]!r} is no name for a schedule",
                remedy=f"Use 1 to {_LONGEST_NAME} printable characters, without blanks at the ends",
            )


@dataclass(frozen=True)
class Schedule:
    """A schedule as it is kept; each due instant up to `evaluated_until` has been decided."""

    id: str
    definition: ScheduleDefinition
    status: ScheduleStatus
    paused_because: str | None
    evaluated_until: datetime
    created_at: datetime
    changed_at: datetime
    removed_at: datetime | None

    @property
    def name(self) -> str:
        return self.definition.name
