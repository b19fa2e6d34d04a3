"""Notices in the database: an outbox beside the runs that they are about."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from waivern.database.clock import database_now
from waivern.database.engine import writing
from waivern.database.tables import notifications, runs, schedules
from waivern.runs.notifications import DueNotice, Notice, Notifications, notice_of
from waivern.runs.run import RunStatus

_NOTHING_TO_TELL = "none"
_LOOKED_BACK = timedelta(days=2)
_NOT_BEFORE_CHANGE = timedelta(minutes=1)  # whoever switches notices on is not told of what was long ago
_SETTLED_WITHIN = timedelta(minutes=1)
_MOST_AT_ONCE = 200
_ENDED = [
    each.value
    for each in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.INTERRUPTED, RunStatus.CANCELLED)
]
_INSERT = {
    "sqlite": sqlite.insert(notifications).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(notifications).on_conflict_do_nothing(),
}


class SqlNotifications(Notifications):
    """A row for each run of a schedule with `notify`, and each that is told."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note_ended(self) -> int:
        with self._engine.connect() as connection:
            now = database_now(connection)
            if connection.execute(_not_looked_at(now).limit(1)).first() is None:
                return 0
        with writing(self._engine) as connection:
            rows = [row for run in connection.execute(_not_looked_at(now)).all() for row in _rows(connection, run, now)]
            if rows:
                connection.execute(_INSERT[connection.dialect.name], rows)
            return sum(row["next_at"] is not None for row in rows)

    def claim_due(self, *, limit: int) -> Sequence[DueNotice]:
        with self._engine.connect() as connection:
            if connection.execute(_due(database_now(connection)).limit(1)).first() is None:
                return []
        with writing(self._engine) as connection:
            now = database_now(connection)
            due = _due(now).limit(limit).with_for_update(of=notifications, skip_locked=True)
            rows = connection.execute(due).all()
            for row in rows:
                later = {"next_at": now + _SETTLED_WITHIN, "attempts": row.attempts + 1}
                connection.execute(sa.update(notifications).where(*_key(row.run_id, row.target)), later)
            return [
                DueNotice(row.run_id, row.target, Notice(row.notice), row.attempts + 1, row.name, row.notify or {})
                for row in rows
            ]

    def sent(self, notice: DueNotice) -> None:
        with writing(self._engine) as connection:
            settled = {"next_at": None, "sent_at": database_now(connection), "error": None}
            connection.execute(sa.update(notifications).where(*_key(notice.run_id, notice.target)), settled)

    def failed(self, notice: DueNotice, *, error: str, retry_in_s: float | None) -> None:
        with writing(self._engine) as connection:
            again = None if retry_in_s is None else database_now(connection) + timedelta(seconds=retry_in_s)
            values = {"next_at": again, "error": error}
            connection.execute(sa.update(notifications).where(*_key(notice.run_id, notice.target)), values)


def _key(run_id: str, target: str) -> tuple[sa.ColumnElement[bool], ...]:
    return notifications.c.run_id == run_id, notifications.c.target == target


def _due(now: Any) -> sa.Select[Any]:
    return (
        sa.select(notifications, schedules.c.name, schedules.c.notify)
        .join(runs, runs.c.id == notifications.c.run_id)
        .join(schedules, schedules.c.id == runs.c.schedule_id)
        .where(notifications.c.next_at <= now)
        .order_by(notifications.c.next_at)
    )


def _not_looked_at(now: Any) -> sa.Select[Any]:
    return (
        sa.select(
            runs.c.id,
            runs.c.schedule_id,
            runs.c.status,
            runs.c.created_at,
            runs.c.ended_at,
            schedules.c.notify,
            schedules.c.changed_at,
        )
        .join(schedules, schedules.c.id == runs.c.schedule_id)
        .where(schedules.c.notify.is_not(None))
        .where(runs.c.created_at > now - _LOOKED_BACK, runs.c.status.in_(_ENDED))
        .where(~sa.exists().where(notifications.c.run_id == runs.c.id))
        .order_by(runs.c.created_at)
        .limit(_MOST_AT_ONCE)
    )


def _rows(connection: sa.Connection, run: Any, now: Any) -> list[dict[str, Any]]:
    is_old = run.ended_at < run.changed_at - _NOT_BEFORE_CHANGE
    before = None if is_old else _before(connection, run)
    notice = None if is_old else notice_of(RunStatus(run.status), before, run.notify.get("events", ()))
    row = {"run_id": run.id, "created_at": now, "attempts": 0}
    if notice is None:
        return [{**row, "target": _NOTHING_TO_TELL, "notice": _NOTHING_TO_TELL, "next_at": None}]
    targets = [target for target in ("webhook", "command") if run.notify.get(target)]
    return [{**row, "target": target, "notice": notice.value, "next_at": now} for target in targets]


def _before(connection: sa.Connection, run: Any) -> RunStatus | None:
    """How the run before it ended; one that was cancelled says nothing about the scan."""
    told = [each for each in _ENDED if each != RunStatus.CANCELLED.value]
    status = connection.execute(
        sa.select(runs.c.status)
        .where(runs.c.schedule_id == run.schedule_id, runs.c.created_at < run.created_at, runs.c.status.in_(told))
        .order_by(runs.c.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if status is None else RunStatus(status)
