"""Due instants become runs: the row of the instant and its run are one transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from waivern.database.run_queue import UNFINISHED, busy_schedules, enqueue
from waivern.database.tables import schedule_fires, schedules
from waivern.runs.run import Trigger
from waivern.runs.run_queue import NewRun
from waivern.schedules.deciding import Decision, Fire, decide
from waivern.schedules.schedule import Overlap, Schedule
from waivern.schedules.schedule_store import Fired


def fire_due(connection: sa.Connection, due: Sequence[Schedule], *, now: datetime) -> Sequence[Fired]:
    """Decide the schedules' next due instants up to `now`; their rows are locked by the caller."""
    busy = busy_schedules(connection, UNFINISHED) if due else set()
    return [_fired(connection, each, now, is_busy=each.id in busy) for each in due]


def insert_run(
    connection: sa.Connection, schedule: Schedule, *, trigger: Trigger, due_at: datetime | None, now: datetime
) -> str:
    """Queue a run of the schedule; on time it waits its share of the jitter."""
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
    one_at_a_time = definition.overlap is not Overlap.ALLOW
    return enqueue(connection, new, now=now, schedule_id=schedule.id, due_at=due_at, one_at_a_time=one_at_a_time)


def remember_fires(connection: sa.Connection, schedule_id: str, fires: Sequence[Mapping[str, object]]) -> None:
    """Insert what became of due instants: `fire_time`, `run_id`, `skipped`, `decided_at` each."""
    if fires:
        connection.execute(sa.insert(schedule_fires), [{"schedule_id": schedule_id, **fire} for fire in fires])


def _fired(connection: sa.Connection, schedule: Schedule, now: datetime, *, is_busy: bool) -> Fired:
    decision = decide(schedule, now=now, has_unfinished_run=is_busy)
    run_ids = _write(connection, schedule, decision, now)
    skipped = sum(fire.skipped is not None for fire in decision.fires)
    return Fired(schedule.id, now, run_ids, skipped, decision.is_complete)


def _write(connection: sa.Connection, schedule: Schedule, decision: Decision, now: datetime) -> dict[datetime, str]:
    run_ids = {
        fire.due_at: insert_run(connection, schedule, trigger=_trigger_of(fire), due_at=fire.due_at, now=now)
        for fire in decision.fires
        if fire.skipped is None
    }
    rows: list[dict[str, object]] = [
        {
            "fire_time": fire.due_at,
            "run_id": run_ids.get(fire.due_at),
            "skipped": None if fire.skipped is None else fire.skipped.value,
            "decided_at": now,
        }
        for fire in decision.fires
    ]
    remember_fires(connection, schedule.id, rows)
    connection.execute(
        sa.update(schedules).where(schedules.c.id == schedule.id), {"considered_until": decision.considered_until}
    )
    return run_ids


def _trigger_of(fire: Fire) -> Trigger:
    return Trigger.CATCH_UP if fire.is_late else Trigger.SCHEDULE


def _available_at(schedule: Schedule, due_at: datetime | None) -> datetime | None:
    """The due instant and a share of the jitter that every service comes to alike."""
    if due_at is None or not schedule.definition.jitter_s:
        return None
    drawn = hashlib.sha256(f"{schedule.id} {due_at.timestamp()}".encode()).digest()
    share = int.from_bytes(drawn[:8], "big") / (1 << 64)
    return due_at + timedelta(seconds=share * schedule.definition.jitter_s)
