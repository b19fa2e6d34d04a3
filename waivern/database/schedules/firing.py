"""Due instants become runs: the row of the instant and its run are one transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.runs.run_queue import IS_UNFINISHED, busy_schedules, queued_row
from waivern.database.schema.tables import runs, schedule_triggers, schedules
from waivern.runs.run import Trigger
from waivern.runs.run_store import NewRun
from waivern.schedules.deciding import Decision, Fire, decide
from waivern.schedules.schedule import Overlap, Schedule
from waivern.schedules.schedule_store import Fired

Row = dict[str, Any]

_CONSIDERED = (
    sa.update(schedules)
    .where(schedules.c.id == sa.bindparam("of_schedule"))
    .values(evaluated_until=sa.bindparam("until"))
)


def fire_due(connection: sa.Connection, due: Sequence[Schedule], *, now: datetime) -> Sequence[Fired]:
    """Decide the schedules' next due instants up to `now`; their rows are locked by the caller."""
    busy = busy_schedules(connection, IS_UNFINISHED) if due else set()
    decided = [(each, decide(each, now=now, has_unfinished_run=each.id in busy)) for each in due]
    new = {schedule.id: _runs_of(schedule, decision, now) for schedule, decision in decided}
    insert_runs(connection, [row for rows in new.values() for row in rows.values()])
    _remember(connection, decided, new, now)
    return [
        Fired(
            schedule.id,
            now,
            {due_at: row["id"] for due_at, row in new[schedule.id].items()},
            sum(fire.skipped is not None for fire in decision.fires),
            decision.is_complete,
        )
        for schedule, decision in decided
    ]


def run_row(schedule: Schedule, *, trigger: Trigger, due_at: datetime | None, now: datetime) -> Row:
    """Return the row of a queued run of the schedule; on time it waits its share of the jitter."""
    definition = schedule.definition
    new = NewRun(
        runbook=definition.runbook,
        runbook_name=definition.runbook_name,
        trigger=trigger.value,
        working_directory=definition.working_directory,
        priority=definition.priority,
        max_attempts=definition.max_attempts,
        available_at=_available_at(schedule, due_at) if trigger is Trigger.SCHEDULE else None,
    )
    exclusive = definition.overlap is not Overlap.ALLOW
    return queued_row(new, now=now, schedule_id=schedule.id, due_at=due_at, exclusive=exclusive)


def insert_runs(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Queue runs, a thousand as well as one."""
    if rows:
        connection.execute(sa.insert(runs), rows)


def insert_fires(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Insert what became of due instants: `schedule_id`, `due_at`, `run_id`, `skip_reason`, `decided_at` each."""
    if rows:
        connection.execute(sa.insert(schedule_triggers), rows)


def _runs_of(schedule: Schedule, decision: Decision, now: datetime) -> dict[datetime, Row]:
    return {
        fire.due_at: run_row(schedule, trigger=_trigger_of(fire), due_at=fire.due_at, now=now)
        for fire in decision.fires
        if fire.skipped is None
    }


def _remember(
    connection: sa.Connection,
    decided: Sequence[tuple[Schedule, Decision]],
    new: Mapping[str, Mapping[datetime, Row]],
    now: datetime,
) -> None:
    fires = [
        {
            "schedule_id": schedule.id,
            "due_at": fire.due_at,
            "run_id": new[schedule.id][fire.due_at]["id"] if fire.skipped is None else None,
            "skip_reason": None if fire.skipped is None else fire.skipped.value,
            "decided_at": now,
        }
        for schedule, decision in decided
        for fire in decision.fires
    ]
    insert_fires(connection, fires)
    considered = [{"of_schedule": each.id, "until": decision.evaluated_until} for each, decision in decided]
    if considered:
        connection.execute(_CONSIDERED, considered)


def _trigger_of(fire: Fire) -> Trigger:
    return Trigger.CATCH_UP if fire.is_late else Trigger.SCHEDULE


def _available_at(schedule: Schedule, due_at: datetime | None) -> datetime | None:
    """The due instant and a share of the jitter that every service comes to alike."""
    if due_at is None or not schedule.definition.jitter_s:
        return None
    drawn = hashlib.sha256(f"{schedule.id} {due_at.timestamp()}".encode()).digest()
    share = int.from_bytes(drawn[:8], "big") / (1 << 64)
    return due_at + timedelta(seconds=share * schedule.definition.jitter_s)
