"""How a person reads schedules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from waivern.cli.shell.escaping import one_line
from waivern.cli.terminal.formatting import duration, local_time, short_id, state
from waivern.cli.terminal.output import Cell
from waivern.operations.schedules.manage_schedules import ScheduleDetails, ScheduleSummary
from waivern.operations.schedules.schedules_as_json import summary_as_json
from waivern.runs.run import RunStatus
from waivern.schedules.schedule import CatchUp, Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import FireRecord
from waivern.schedules.timing import Cron, describe

CSV_COLUMNS = (
    *("name", "runbook", "path", "cron", "timezone", "every_seconds", "anchor", "at", "status", "paused_because"),
    *("next_due_at", "last_run_id", "last_run_status", "last_run_due_at", "last_run_started_at"),
    *("last_run_lateness_seconds", "catch_up", "max_catch_up", "overlap", "jitter_seconds", "priority"),
    *("max_attempts", "working_directory", "declared_in", "created_at", "id"),
)


def row_of(summary: ScheduleSummary) -> Sequence[Cell]:
    """Return a schedule's row in a table."""
    schedule, last = summary.schedule, summary.last_run
    return (
        schedule.name,
        schedule.definition.runbook_name,
        describe(schedule.definition.timing),
        schedule.status.value,
        local_time(summary.next_due_at),
        state(RunStatus(last.status)) if last is not None else "",
        duration(last.lateness_seconds) if last is not None else "",
    )


def as_text(details: ScheduleDetails) -> str:
    """Return a schedule whole: its terms, what comes, and what was."""
    schedule = details.summary.schedule
    definition = schedule.definition
    terms = [
        ("runbook", f"{definition.runbook_name} ({definition.runbook})"),
        ("when", describe(definition.timing)),
        ("status", f"paused: {schedule.paused_because}" if schedule.paused_because else schedule.status.value),
        ("catch-up", _catch_up(definition)),
        ("overlap", definition.overlap.value),
        ("jitter", duration(definition.jitter_s) if definition.jitter_s else "none"),
        ("priority", str(definition.priority)),
        ("attempts", f"at most {definition.max_attempts}"),
        ("tells", _told(definition)),
        ("relative to", str(definition.working_directory or "the runbook's folder")),
        ("declared in", definition.declared_in or "added by hand"),
    ]
    parts = ["\n".join([one_line(schedule.name), *(f"  {name:<13}{one_line(said)}" for name, said in terms)])]
    due = "Due next, and skipped while it is paused" if schedule.status is ScheduleStatus.PAUSED else "Due next"
    parts.append(f"{due}:\n" + (instants_as_text(details.next_due, schedule, indent="  ") or "  never again"))
    if details.runs:
        rows = [f"  {short_id(run.id)}  {_status(run.status)}{_late(run.lateness_seconds)}" for run in details.runs]
        parts.append("Last runs:\n" + "\n".join(rows))
    skipped = [fire for fire in details.fires if fire.skipped is not None]
    if skipped:
        parts.append("Skipped lately:\n" + "\n".join(f"  {_skipped(fire)}" for fire in skipped))
    return "\n\n".join(parts)


def instants_as_text(instants: Sequence[datetime], schedule: Schedule, *, indent: str = "") -> str:
    """Return instants line by line, by the clock here, and by the schedule's where that is another one."""
    timing = schedule.definition.timing
    zone = ZoneInfo(timing.timezone) if isinstance(timing, Cron) else None
    lines = []
    for instant in instants:
        line = f"{indent}{local_time(instant)}"
        if zone is not None and instant.astimezone(zone).utcoffset() != instant.astimezone().utcoffset():
            line += f" ({instant.astimezone(zone).strftime('%Y-%m-%d %H:%M')} in {zone})"
        lines.append(line)
    return "\n".join(lines)


def as_csv_row(summary: ScheduleSummary) -> Mapping[str, Any]:
    """Return a schedule's JSON without what is nested: its last run's parts are columns."""
    row = summary_as_json(summary)
    last = row["last_run"] or {}
    return {**dict.fromkeys(CSV_COLUMNS), **row, **{f"last_run_{name}": said for name, said in last.items()}}


def _catch_up(definition: ScheduleDefinition) -> str:
    at_most = f", at most {definition.max_catch_up:,}" if definition.catch_up is CatchUp.ALL else ""
    return f"{definition.catch_up.value}{at_most}"


def _told(definition: ScheduleDefinition) -> str:
    """Without the address: that alone may let somebody in."""
    notify = definition.notify
    if notify is None:
        return "nobody"
    events = ", ".join(str(event).replace("_", " ") for event in notify.get("events", ()))
    return f"{' and '.join(by for by in ('webhook', 'command') if notify.get(by))} of {events}"


def _status(status: RunStatus) -> str:
    return status.value.replace("_", " ")


def _late(seconds: float | None) -> str:
    return "" if seconds is None else f", began {duration(seconds)} after it was due"


def _skipped(fire: FireRecord) -> str:
    reasons = {"catch_up": "missed, and not caught up", "overlap": "the last run went on", "paused": "paused"}
    return f"{local_time(fire.due_at)}: {reasons[fire.skipped.value] if fire.skipped else ''}"
