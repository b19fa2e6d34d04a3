"""Undo what a clock that was ahead has left behind, so that no schedule waits until the clock gets there."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.events import schedule_events
from waivern.database.events.schedule_rows import row_of, schedule_of
from waivern.database.schema.tables import schedules, skipped_times
from waivern.schedules.evaluation import CLOCK_TOLERANCE
from waivern.schedules.schedule import Schedule
from waivern.schedules.schedule_store import ClockCorrection


def is_ahead(schedule: Schedule, now: datetime) -> bool:
    """Return whether a schedule was evaluated by a clock that was ahead of the present one."""
    return schedule.evaluated_until > now + CLOCK_TOLERANCE


def correct(
    connection: sa.Connection, schedule: Schedule, *, now: datetime, changed_at: datetime, caller: Caller
) -> ClockCorrection:
    """Evaluate a schedule again from the present, or from the first time that was skipped by the wrong clock.

    Its row must be locked. Scheduled times that have a run keep it, and are not triggered again when they come. What
    was skipped by the wrong clock is decided again. An interval that begins in the future begins before now instead.
    """
    by_wrong_clock = (skipped_times.c.schedule_id == schedule.id, skipped_times.c.decided_at > now + CLOCK_TOLERANCE)
    first, times = connection.execute(
        sa.select(
            sa.func.min(skipped_times.c.first_due_at), sa.func.coalesce(sa.func.sum(skipped_times.c.times), 0)
        ).where(*by_wrong_clock)
    ).one()
    connection.execute(sa.delete(skipped_times).where(*by_wrong_clock))
    until = now if first is None else min(now, first - datetime.resolution)
    columns: dict[str, Any] = {
        **row_of(schedule.definition.anchored_before(now)),
        "evaluated_until": until,
        "changed_at": changed_at,
    }
    is_schedule = schedules.c.id == schedule.id
    connection.execute(sa.update(schedules).where(is_schedule), columns)
    after = schedule_of(connection.execute(sa.select(schedules).where(is_schedule)).one())
    schedule_events.clock_corrected(connection, schedule, after, undone=times, actor=str(caller), at=now)
    return ClockCorrection(schedule.evaluated_until, now, times)
