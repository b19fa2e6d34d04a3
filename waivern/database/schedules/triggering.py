"""Scheduled times become runs: the row of a scheduled time and its run are written in one transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.runs.run_queue import IS_UNFINISHED, busy_schedules, queued_row
from waivern.database.schema.tables import runs, schedule_triggers, schedules
from waivern.runs.run import Trigger
from waivern.runs.run_store import NewRun
from waivern.schedules.evaluation import Evaluation, TriggerOutcome, evaluate
from waivern.schedules.schedule import Overlap, Schedule
from waivern.schedules.schedule_store import EvaluationResult

Row = dict[str, Any]

_SET_EVALUATED_UNTIL = (
    sa.update(schedules)
    .where(schedules.c.id == sa.bindparam("of_schedule"))
    .values(evaluated_until=sa.bindparam("until"))
)


def trigger_due(connection: sa.Connection, due: Sequence[Schedule], *, now: datetime) -> Sequence[EvaluationResult]:
    """Evaluate schedules up to `now` and queue their runs; their rows must be locked."""
    busy = busy_schedules(connection, IS_UNFINISHED) if due else set()
    evaluated = [(schedule, evaluate(schedule, now=now, has_unfinished_run=schedule.id in busy)) for schedule in due]
    new = {schedule.id: _runs_of(schedule, evaluation, now) for schedule, evaluation in evaluated}
    insert_runs(connection, [row for rows in new.values() for row in rows.values()])
    _record(connection, evaluated, new, now)
    return [
        EvaluationResult(
            schedule.id,
            now,
            {due_at: row["id"] for due_at, row in new[schedule.id].items()},
            sum(outcome.skipped is not None for outcome in evaluation.outcomes),
            evaluation.is_complete,
        )
        for schedule, evaluation in evaluated
    ]


def run_row(schedule: Schedule, *, trigger: Trigger, due_at: datetime | None, now: datetime) -> Row:
    """Return the row of a queued run of the schedule; a run on time is delayed by the schedule's jitter."""
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
    """Insert the rows of queued runs."""
    if rows:
        connection.execute(sa.insert(runs), rows)


def insert_triggers(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Insert rows with `schedule_id`, `due_at`, `run_id`, `skip_reason` and `decided_at`."""
    if rows:
        connection.execute(sa.insert(schedule_triggers), rows)


def _runs_of(schedule: Schedule, evaluation: Evaluation, now: datetime) -> dict[datetime, Row]:
    return {
        outcome.due_at: run_row(schedule, trigger=_trigger_of(outcome), due_at=outcome.due_at, now=now)
        for outcome in evaluation.outcomes
        if outcome.skipped is None
    }


def _record(
    connection: sa.Connection,
    evaluated: Sequence[tuple[Schedule, Evaluation]],
    new: Mapping[str, Mapping[datetime, Row]],
    now: datetime,
) -> None:
    triggers = [
        {
            "schedule_id": schedule.id,
            "due_at": outcome.due_at,
            "run_id": new[schedule.id][outcome.due_at]["id"] if outcome.skipped is None else None,
            "skip_reason": None if outcome.skipped is None else outcome.skipped.value,
            "decided_at": now,
        }
        for schedule, evaluation in evaluated
        for outcome in evaluation.outcomes
    ]
    insert_triggers(connection, triggers)
    until = [{"of_schedule": schedule.id, "until": evaluation.evaluated_until} for schedule, evaluation in evaluated]
    if until:
        connection.execute(_SET_EVALUATED_UNTIL, until)


def _trigger_of(outcome: TriggerOutcome) -> Trigger:
    return Trigger.CATCH_UP if outcome.is_late else Trigger.SCHEDULE


def _available_at(schedule: Schedule, due_at: datetime | None) -> datetime | None:
    """Return the scheduled time plus a part of the jitter, from a digest so that every service gets the same."""
    if due_at is None or not schedule.definition.jitter_s:
        return None
    digest = hashlib.sha256(f"{schedule.id} {due_at.timestamp()}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / (1 << 64)
    return due_at + timedelta(seconds=share * schedule.definition.jitter_s)
