"""Schedules for tests."""

from datetime import datetime
from pathlib import Path
from typing import Any

from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.timing import Timing


def a_definition(timing: Timing, *, name: str = "nightly", **terms: Any) -> ScheduleDefinition:
    return ScheduleDefinition(name=name, runbook=Path("/scan.yaml"), runbook_name="Scan", timing=timing, **terms)


def a_schedule(
    timing: Timing, *, since: datetime, status: ScheduleStatus = ScheduleStatus.ACTIVE, **terms: Any
) -> Schedule:
    """Return a schedule whose scheduled times after `since` have not been evaluated."""
    return Schedule(
        id="s",
        definition=a_definition(timing, **terms),
        status=status,
        paused_because=None,
        evaluated_until=since,
        created_at=since,
        changed_at=since,
        removed_at=None,
    )
