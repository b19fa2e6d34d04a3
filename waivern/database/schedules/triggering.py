"""Scheduled times become runs: what follows from them and their runs are written in one transaction."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.runs.run_queue import IS_UNFINISHED, busy_schedules, queued_row
from waivern.database.schedules.decided_times import decided_after
from waivern.database.schema.tables import runs, schedule_triggers, schedules, skipped_times
from waivern.runs.run import Trigger
from waivern.runs.run_store import NewRun
from waivern.schedules.evaluation import Evaluation, TriggerOutcome, evaluate
from waivern.schedules.schedule import Overlap, Schedule
from waivern.schedules.schedule_store import EvaluationResult
from waivern.schedules.spans import Decided

Row = dict[str, Any]

_SET_EVALUATED_UNTIL = (
    sa.update(schedules)
    .where(schedules.c.id == sa.bindparam("of_schedule"))
    .values(evaluated_until=sa.bindparam("until"))
)


@dataclass(frozen=True)
class Pending:
    """Schedules as they were read, with what their evaluation needs.

    Args:
        due: The schedules.
        busy: The ids of those with an unfinished run.
        decided: Scheduled times after their `evaluated_until` that have been decided, by id.
        now: The present by the database's clock.
    """

    due: Sequence[Schedule]
    busy: Collection[str]
    decided: Mapping[str, Decided]
    now: datetime


@dataclass(frozen=True)
class Evaluated:
    """A schedule as it was read, whether it had an unfinished run then, and what follows from its scheduled times."""

    schedule: Schedule
    was_busy: bool
    evaluation: Evaluation


def read_pending(connection: sa.Connection, due: Sequence[Schedule], *, now: datetime) -> Pending:
    """Read what the evaluation of schedules needs."""
    busy = busy_schedules(connection, IS_UNFINISHED) if due else set()
    return Pending(due, busy, decided_after(connection, due), now)


def evaluate_pending(pending: Pending) -> Sequence[Evaluated]:
    """Evaluate schedules up to the present. After a year this takes seconds, so do not call it in a transaction."""
    evaluated = []
    for schedule in pending.due:
        is_busy, decided = schedule.id in pending.busy, pending.decided[schedule.id]
        evaluation = evaluate(schedule, now=pending.now, has_unfinished_run=is_busy, decided=decided)
        evaluated.append(Evaluated(schedule, is_busy, evaluation))
    return evaluated


def record(connection: sa.Connection, evaluated: Sequence[Evaluated], *, now: datetime) -> Sequence[EvaluationResult]:
    """Queue the runs and record the outcomes of schedules whose rows are locked and have not changed since."""
    new = {item.schedule.id: _runs_of(item, now) for item in evaluated}
    insert_runs(connection, [row for rows in new.values() for row in rows.values()])
    _record_outcomes(connection, evaluated, new, now)
    return [
        EvaluationResult(
            item.schedule.id,
            now,
            {due_at: row["id"] for due_at, row in new[item.schedule.id].items()},
            sum(outcome.times for outcome in item.evaluation.outcomes if outcome.skipped is not None),
            item.evaluation.is_complete,
        )
        for item in evaluated
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
    """Insert rows with `schedule_id`, `due_at`, `run_id` and `decided_at`."""
    if rows:
        connection.execute(sa.insert(schedule_triggers), rows)


def _runs_of(evaluated: Evaluated, now: datetime) -> dict[datetime, Row]:
    return {
        outcome.due_at: run_row(evaluated.schedule, trigger=_trigger_of(outcome), due_at=outcome.due_at, now=now)
        for outcome in evaluated.evaluation.outcomes
        if outcome.skipped is None
    }


def _record_outcomes(
    connection: sa.Connection,
    evaluated: Sequence[Evaluated],
    new: Mapping[str, Mapping[datetime, Row]],
    now: datetime,
) -> None:
    triggers = [
        {"schedule_id": schedule_id, "due_at": due_at, "run_id": row["id"], "decided_at": now}
        for schedule_id, rows in new.items()
        for due_at, row in rows.items()
    ]
    insert_triggers(connection, triggers)
    skipped = [
        {
            "schedule_id": item.schedule.id,
            "first_due_at": outcome.due_at,
            "last_due_at": outcome.last_due_at,
            "times": outcome.times,
            "skip_reason": outcome.skipped.value,
            "decided_at": now,
        }
        for item in evaluated
        for outcome in item.evaluation.outcomes
        if outcome.skipped is not None
    ]
    if skipped:
        connection.execute(sa.insert(skipped_times), skipped)
    until = [{"of_schedule": item.schedule.id, "until": item.evaluation.evaluated_until} for item in evaluated]
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
