"""Conversion of schedules to rows of `schedules` and back."""

from datetime import datetime
from pathlib import Path
from typing import Any

from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.timing import Cron, Every, Once, Timing

SETTING_COLUMNS = (
    *("name", "runbook_path", "runbook_name", "working_directory", "catch_up", "max_catch_up", "overlap", "jitter_s"),
    *("priority", "max_attempts", "notify", "declared_in", "kind", "expression", "timezone", "anchor"),
)
"""The columns that hold the settings of a schedule; events record them."""


def row_of(definition: ScheduleDefinition) -> dict[str, Any]:
    """Return the columns that hold the settings of a schedule, as a person or a folder of runbooks sets them."""
    directory = definition.working_directory
    return {
        "name": definition.name,
        "runbook_path": str(definition.runbook),
        "runbook_name": definition.runbook_name,
        "working_directory": None if directory is None else str(directory),
        "catch_up": definition.catch_up.value,
        "max_catch_up": definition.max_catch_up,
        "overlap": definition.overlap.value,
        "jitter_s": definition.jitter_s,
        "priority": definition.priority,
        "max_attempts": definition.max_attempts,
        "notify": None if definition.notify is None else dict(definition.notify),
        "declared_in": definition.declared_in,
        **_timing_columns(definition.timing),
    }


def schedule_of(row: Any) -> Schedule:
    """Return the schedule in a row of `schedules`."""
    definition = ScheduleDefinition(
        name=row.name,
        runbook=Path(row.runbook_path),
        runbook_name=row.runbook_name,
        timing=_timing_of(row),
        catch_up=CatchUp(row.catch_up),
        max_catch_up=row.max_catch_up,
        overlap=Overlap(row.overlap),
        jitter_s=row.jitter_s,
        priority=row.priority,
        max_attempts=row.max_attempts,
        working_directory=None if row.working_directory is None else Path(row.working_directory),
        notify=row.notify,
        declared_in=row.declared_in,
    )
    return Schedule(
        id=row.id,
        definition=definition,
        status=ScheduleStatus(row.status),
        paused_because=row.paused_because,
        evaluated_until=row.evaluated_until,
        created_at=row.created_at,
        changed_at=row.changed_at,
        removed_at=row.removed_at,
    )


def _timing_columns(timing: Timing) -> dict[str, Any]:
    match timing:
        case Cron():
            return _columns("cron", timing.expression, timezone=timing.timezone)
        case Every():
            return _columns("every", repr(timing.seconds), anchor=timing.anchor)
        case Once():
            return _columns("at", timing.at.isoformat())


def _columns(
    kind: str, expression: str, *, timezone: str | None = None, anchor: datetime | None = None
) -> dict[str, Any]:
    return {"kind": kind, "expression": expression, "timezone": timezone, "anchor": anchor}


def _timing_of(row: Any) -> Timing:
    if row.kind == "cron":
        return Cron(row.expression, row.timezone)
    if row.kind == "every":
        return Every(float(row.expression), row.anchor)
    return Once(datetime.fromisoformat(row.expression))
