"""Scheduled times that have been decided: those that have a run, and ranges of those that were skipped."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import schedule_triggers, schedules, skipped_times
from waivern.schedules.evaluation import TriggerSkipReason
from waivern.schedules.schedule import Schedule
from waivern.schedules.schedule_store import TriggerRecord
from waivern.schedules.spans import Decided, Span

# The newest of each schedule by the end of an index: Postgres would join by reading all scheduled times.
_NEWEST_RUN = (
    sa.select(sa.func.max(schedule_triggers.c.due_at))
    .where(schedule_triggers.c.schedule_id == schedules.c.id)
    .scalar_subquery()
)
_NEWEST_SKIPPED = (
    sa.select(sa.func.max(skipped_times.c.last_due_at))
    .where(skipped_times.c.schedule_id == schedules.c.id)
    .scalar_subquery()
)
_NEWEST = sa.select(schedules.c.id, _NEWEST_RUN.label("run"), _NEWEST_SKIPPED.label("skipped"))


def newest_triggers(connection: sa.Connection, schedule_id: str, *, limit: int) -> Sequence[TriggerRecord]:
    """Return what followed from the newest scheduled times, newest first; skipped ones as ranges."""
    triggered = (
        sa.select(schedule_triggers)
        .where(schedule_triggers.c.schedule_id == schedule_id)
        .order_by(schedule_triggers.c.due_at.desc())
        .limit(limit)
    )
    skipped = (
        sa.select(skipped_times)
        .where(skipped_times.c.schedule_id == schedule_id)
        .order_by(skipped_times.c.last_due_at.desc())
        .limit(limit)
    )
    records = chain(
        (
            TriggerRecord(row.due_at, row.due_at, 1, row.run_id, None, row.decided_at)
            for row in connection.execute(triggered)
        ),
        (_skipped_record(row) for row in connection.execute(skipped)),
    )
    return sorted(records, key=lambda record: record.last_due_at, reverse=True)[:limit]


def decided_after(connection: sa.Connection, due: Sequence[Schedule]) -> Mapping[str, Decided]:
    """Return the scheduled times after each schedule's `evaluated_until` that have been decided, by its id.

    There are some after its clock was corrected, and in a database that was restored from a backup.
    """
    until = {schedule.id: schedule.evaluated_until for schedule in due}
    newest = {row.id: row for row in connection.execute(_NEWEST.where(schedules.c.id.in_(until)))} if due else {}
    decided: dict[str, Decided] = {}
    for schedule_id, evaluated_until in until.items():
        row = newest.get(schedule_id)
        is_ahead = row is not None and any(time is not None and time > evaluated_until for time in row[1:])
        decided[schedule_id] = _decided_after(connection, schedule_id, evaluated_until) if is_ahead else Decided()
    return decided


def runs_after(connection: sa.Connection, now: datetime) -> Mapping[str, frozenset[datetime]]:
    """Return the scheduled times after `now` that have a run already, by schedule."""
    ahead = _NEWEST.where(schedules.c.removed_at.is_(None), now < _NEWEST_RUN)
    return {row.id: _runs_after(connection, row.id, now) for row in connection.execute(ahead).all()}


def _decided_after(connection: sa.Connection, schedule_id: str, instant: datetime) -> Decided:
    skipped = sa.select(skipped_times).where(
        skipped_times.c.schedule_id == schedule_id, skipped_times.c.last_due_at > instant
    )
    spans = [Span(row.first_due_at, row.last_due_at, row.times) for row in connection.execute(skipped)]
    return Decided(_runs_after(connection, schedule_id, instant), spans)


def _runs_after(connection: sa.Connection, schedule_id: str, instant: datetime) -> frozenset[datetime]:
    of_schedule, due_at = schedule_triggers.c.schedule_id == schedule_id, schedule_triggers.c.due_at
    return frozenset(connection.scalars(sa.select(due_at).where(of_schedule, due_at > instant)))


def note_backfilled(connection: sa.Connection, schedule_id: str, times: Collection[datetime]) -> None:
    """Count down the ranges that held these times; a range without any other is deleted."""
    if not times:
        return
    of_schedule = skipped_times.c.schedule_id == schedule_id
    overlapping = sa.select(skipped_times).where(
        of_schedule, skipped_times.c.last_due_at >= min(times), skipped_times.c.first_due_at <= max(times)
    )
    for row in connection.execute(overlapping).all():
        left = row.times - sum(row.first_due_at <= time <= row.last_due_at for time in times)
        key = (of_schedule, skipped_times.c.last_due_at == row.last_due_at)
        if left > 0:
            connection.execute(sa.update(skipped_times).where(*key).values(times=left))
        else:
            connection.execute(sa.delete(skipped_times).where(*key))


def _skipped_record(row: Any) -> TriggerRecord:
    reason = TriggerSkipReason(row.skip_reason)
    return TriggerRecord(row.first_due_at, row.last_due_at, row.times, None, reason, row.decided_at)
