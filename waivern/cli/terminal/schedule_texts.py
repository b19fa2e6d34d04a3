"""Schedules as text and as CSV."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from waivern.cli.terminal.formatting import duration, local_time, short_id, state
from waivern.cli.terminal.output import Cell
from waivern.escaping import lines as escaped_lines
from waivern.escaping import one_line
from waivern.operations.schedules.list_schedules import RefusedSchedule, ScheduleList
from waivern.operations.schedules.manage_schedules import ScheduleDetails, ScheduleSummary, webhook_host
from waivern.runs.notifications import TARGETS
from waivern.runs.run import RunStatus
from waivern.schedules.evaluation import TriggerSkipReason
from waivern.schedules.schedule import CatchUp, Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import TriggerRecord
from waivern.schedules.timing import Cron, describe

CSV_COLUMNS = (
    *("name", "runbook", "path", "cron", "timezone", "every_seconds", "anchor", "at", "status", "paused_because"),
    *("next_due_at", "last_run_id", "last_run_status", "last_run_due_at", "last_run_started_at"),
    *("last_run_lateness_seconds", "catch_up", "max_catch_up", "overlap", "jitter_seconds", "priority"),
    *("max_attempts", "working_directory", "declared_in", "created_at", "id", "problem"),
)

_SKIP_REASONS = {
    TriggerSkipReason.CATCH_UP: "missed, not caught up",
    TriggerSkipReason.OVERLAP: "an earlier run was unfinished",
    TriggerSkipReason.PAUSED: "paused",
}


def row_of(summary: ScheduleSummary) -> Sequence[Cell]:
    """Return the table row of a schedule."""
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


def problems_as_text(listed: ScheduleList) -> str:
    """Return what is wrong with schedules and runbooks, a paragraph each; empty if nothing is."""
    known = [
        (summary.schedule.name, str(summary.schedule.definition.runbook), summary.problem)
        for summary in listed.schedules
        if summary.problem is not None
    ]
    refused = [(runbook.name, runbook.path, runbook.problem) for runbook in listed.refused]
    return "\n".join(
        f"{one_line(name)}{f' ({one_line(path)})' if path else ''}: {escaped_lines(problem)}"
        for name, path, problem in (*known, *refused)
    )


def refused_row(refused: RefusedSchedule) -> Sequence[Cell]:
    """Return the table row of what has no schedule because it was refused."""
    return (refused.name, "", "", "refused", "", "", "")


def as_text(details: ScheduleDetails) -> str:
    """Return the text of a schedule: its settings, its next scheduled times and its last runs."""
    schedule = details.summary.schedule
    definition = schedule.definition
    settings = [
        ("runbook", f"{definition.runbook_name} ({definition.runbook})"),
        ("when", describe(definition.timing)),
        ("status", f"paused: {schedule.paused_because}" if schedule.paused_because else schedule.status.value),
        ("catch-up", _catch_up(definition)),
        ("overlap", definition.overlap.value),
        ("jitter", duration(definition.jitter_s) if definition.jitter_s else "none"),
        ("priority", str(definition.priority)),
        ("attempts", f"at most {definition.max_attempts}"),
        ("notifies", _notifications(definition)),
        ("base folder", str(definition.working_directory or "the runbook's folder")),
        ("declared in", definition.declared_in or "(added manually)"),
    ]
    if details.summary.problem is not None:
        settings.append(("problem", details.summary.problem))
    parts = ["\n".join([one_line(schedule.name), *(f"  {name:<13}{one_line(value)}" for name, value in settings)])]
    due = "Due next (skipped while paused)" if schedule.status is ScheduleStatus.PAUSED else "Due next"
    parts.append(f"{due}:\n" + (instants_as_text(details.next_due, schedule, indent="  ") or "  never"))
    if details.runs:
        rows = [f"  {short_id(run.id)}  {_status(run.status)}{_late(run.lateness_seconds)}" for run in details.runs]
        parts.append("Last runs:\n" + "\n".join(rows))
    skipped = [record for record in details.triggers if record.skipped is not None]
    if skipped:
        parts.append("Skipped recently:\n" + "\n".join(f"  {_skipped(record)}" for record in skipped))
    return "\n\n".join(parts)


def instants_as_text(instants: Sequence[datetime], schedule: Schedule, *, indent: str = "") -> str:
    """Return one line per time, in local time, and in the schedule's time zone if that has a different offset."""
    timing = schedule.definition.timing
    zone = ZoneInfo(timing.timezone) if isinstance(timing, Cron) else None
    lines = []
    for instant in instants:
        line = f"{indent}{local_time(instant)}"
        if zone is not None and instant.astimezone(zone).utcoffset() != instant.astimezone().utcoffset():
            line += f" ({instant.astimezone(zone).strftime('%Y-%m-%d %H:%M')} in {zone})"
        lines.append(line)
    return "\n".join(lines)


def as_csv_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the CSV row for the JSON of a schedule: with the keys of its last run as columns."""
    last = row["last_run"] or {}
    return {**dict.fromkeys(CSV_COLUMNS), **row, **{f"last_run_{name}": value for name, value in last.items()}}


def _catch_up(definition: ScheduleDefinition) -> str:
    at_most = f", at most {definition.max_catch_up:,}" if definition.catch_up is CatchUp.ALL else ""
    return f"{definition.catch_up.value}{at_most}"


def _notifications(definition: ScheduleDefinition) -> str:
    """Return which targets are notified of what; of the URL the host only, as the rest may be a secret."""
    notify = definition.notify
    if notify is None:
        return "nothing"
    events = ", ".join(str(event).replace("_", " ") for event in notify.get("events", ()))
    host = webhook_host(notify)
    shown = {"webhook": f"webhook ({host})"} if host else {}
    return f"{' and '.join(shown.get(target, target) for target in TARGETS if notify.get(target))}: {events}"


def _status(status: RunStatus) -> str:
    return status.value.replace("_", " ")


def _late(seconds: float | None) -> str:
    return "" if seconds is None else f", started {duration(seconds)} late"


def _skipped(record: TriggerRecord) -> str:
    reason = "" if record.skipped is None else _SKIP_REASONS[record.skipped]
    if record.times == 1:
        return f"{local_time(record.due_at)}: {reason}"
    return f"{local_time(record.due_at)} to {local_time(record.last_due_at)}: {record.times:,} times, {reason}"
