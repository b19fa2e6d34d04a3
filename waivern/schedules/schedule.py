"""A schedule: which runbook runs when, and what happens to missed and overlapping runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from waivern.errors import ScheduleError
from waivern.schedules.timing import Every, Timing

_MAX_NAME_LENGTH = 200


class CatchUp(StrEnum):
    """Which missed scheduled times get a run after all: none, the newest, or up to `max_catch_up`."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What happens at a scheduled time while an earlier run is unfinished: no run, a later one, or a parallel one."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class ScheduleStatus(StrEnum):
    """Whether scheduled times are run, skipped, or have ended."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True)
class ScheduleDefinition:
    """The settings of a schedule.

    Args:
        name: Its name, in one line.
        runbook: The runbook's file, absolute.
        runbook_name: The runbook's name.
        timing: When it is due.
        catch_up: Which missed scheduled times get a run.
        max_catch_up: With `CatchUp.ALL`, the largest number of them; the newest are run.
        overlap: What happens while an earlier run is unfinished.
        jitter_s: A run on time is delayed by a random time of up to so many seconds.
        priority: Runs with a higher priority are claimed first.
        max_attempts: How often a run is attempted before it is interrupted for good.
        working_directory: The base folder of relative paths in properties, absolute.
        notify: Where notifications go, as in the runbook's `schedule.notify`, with variables unresolved.
        declared_in: The folder of runbooks that declares it; None if a person added it.

    Raises:
        ScheduleError: the name is not valid.
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
        if not name or name != name.strip() or not name.isprintable() or len(name) > _MAX_NAME_LENGTH:
            raise ScheduleError(
                f"{name[:60]!r} is not a valid name for a schedule",
                remedy=f"Use 1 to {_MAX_NAME_LENGTH} printable characters without leading or trailing spaces",
            )

    def anchored_before(self, now: datetime) -> "ScheduleDefinition":
        """Return the definition; an interval that begins after `now` (aware) begins whole steps earlier."""
        timing = self.timing
        return replace(self, timing=timing.anchored_before(now)) if isinstance(timing, Every) else self


@dataclass(frozen=True)
class Schedule:
    """A stored schedule; each scheduled time up to `evaluated_until` has been decided."""

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
