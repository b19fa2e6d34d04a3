"""The newest run of each schedule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import runs, schedules
from waivern.runs.run import Trigger
from waivern.schedules.schedule_store import LastRun

_LAST, _OTHER = runs.alias("last"), runs.alias("other")
_NEWEST = (
    sa.select(_OTHER.c.id)
    .where(_OTHER.c.schedule_id == schedules.c.id)
    .order_by(_OTHER.c.created_at.desc(), _OTHER.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_LAST_RUNS = (
    sa.select(_LAST.c.schedule_id, _LAST.c.id, _LAST.c.status, _LAST.c.trigger, _LAST.c.due_at, _LAST.c.started_at)
    .join_from(schedules, _LAST, _LAST.c.id == _NEWEST)
    .where(schedules.c.removed_at.is_(None))
)


def read_last_runs(connection: sa.Connection) -> Mapping[str, LastRun]:
    """Return the newest run of each schedule that has one and was not removed, by the schedule's id."""
    return {
        row.schedule_id: LastRun(row.id, row.status, _due_on_schedule(row), row.started_at)
        for row in connection.execute(_LAST_RUNS)
    }


def _due_on_schedule(row: Any) -> datetime | None:
    due_at: datetime | None = row.due_at
    return None if row.trigger == Trigger.BACKFILL else due_at
