"""Notices in the database: an outbox beside the runs that they are about."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.schema.tables import notifications, runs, schedules
from waivern.runs.notifications import (
    TARGETS,
    DueNotification,
    NotificationKind,
    Notifications,
    gate_notice_of,
    lease_s,
    notice_of,
)
from waivern.runs.run import RunStatus

_RUNS_BEFORE = 100  # among so many the last one that ended is looked for, however many more there were
_TOLD_OF = [each.value for each in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.INTERRUPTED)]
_SCHEDULE = (
    sa.select(runs.c.schedule_id, runs.c.status, schedules.c.notify)
    .join(schedules, schedules.c.id == runs.c.schedule_id)
    .where(runs.c.id == sa.bindparam("of_run"), schedules.c.notify.is_not(None))
)
_LAST_ONES = (
    sa.select(runs.c.status, runs.c.ended_at)
    .where(runs.c.schedule_id == sa.bindparam("of_schedule"), runs.c.id != sa.bindparam("of_run"))
    .where(runs.c.status.in_(_TOLD_OF))
    .order_by(runs.c.created_at.desc())
    .limit(_RUNS_BEFORE)
    .subquery()
)
_BEFORE = sa.select(_LAST_ONES.c.status).order_by(_LAST_ONES.c.ended_at.desc()).limit(1)


def queue_notices(connection: sa.Connection, run_id: str, status: RunStatus, *, at: datetime) -> None:
    """Queue what is to be told of a run that ends, in the transaction that writes down that it does."""
    schedule = connection.execute(_SCHEDULE, {"of_run": run_id}).first()
    if schedule is None:
        return
    before = _status_before(connection, run_id, schedule.schedule_id) if status is RunStatus.SUCCEEDED else None
    _queue(connection, run_id, notice_of(status, before, _wanted(schedule.notify)), schedule.notify, at=at)


def queue_gate_notices(connection: sa.Connection, run_id: str, *, at: datetime) -> None:
    """Queue that a gate of a run tripped, in the transaction that writes that down."""
    schedule = connection.execute(_SCHEDULE, {"of_run": run_id}).first()
    if schedule is not None:
        notice = gate_notice_of(RunStatus(schedule.status), _wanted(schedule.notify))
        _queue(connection, run_id, notice, schedule.notify, at=at)


def _wanted(notify: Mapping[str, Any]) -> Collection[str]:
    wanted: Collection[str] = notify.get("events", list(NotificationKind))
    return wanted


def _queue(
    connection: sa.Connection, run_id: str, notice: NotificationKind | None, notify: Mapping[str, Any], *, at: datetime
) -> None:
    if notice is None:
        return
    row = {"run_id": run_id, "kind": notice.value, "created_at": at, "next_attempt_at": at, "attempts": 0}
    rows = [{**row, "target": target} for target in TARGETS if notify.get(target)]
    if rows:
        connection.execute(insert_ignore(connection, notifications), rows)


def _status_before(connection: sa.Connection, run_id: str, schedule_id: str) -> RunStatus | None:
    """How the run that ended last did so; one that was cancelled says nothing about the scan."""
    status = connection.execute(_BEFORE, {"of_run": run_id, "of_schedule": schedule_id}).scalar_one_or_none()
    return None if status is None else RunStatus(status)


class SqlNotifications(Notifications):
    """A row for each notice and each that is told."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim_due(self, *, limit: int) -> Sequence[DueNotification]:
        with self._engine.connect() as connection:
            if connection.execute(_due(database_now(connection)).limit(1)).first() is None:
                return []
        with writing(self._engine) as connection:
            now = database_now(connection)
            due = _due(now).limit(limit).with_for_update(of=notifications, skip_locked=True)
            rows = connection.execute(due).all()
            for row in rows:
                later = now + timedelta(seconds=lease_s(row.target, row.notify or {}))
                claimed = {"next_attempt_at": later, "attempts": row.attempts + 1}
                connection.execute(sa.update(notifications).where(*_key(row)), claimed)
            return [
                DueNotification(
                    row.run_id, row.target, NotificationKind(row.kind), row.attempts + 1, row.name, row.notify or {}
                )
                for row in rows
            ]

    def sent(self, notice: DueNotification) -> None:
        with writing(self._engine) as connection:
            settled = {"next_attempt_at": None, "sent_at": database_now(connection), "error": None}
            connection.execute(sa.update(notifications).where(*_key(notice)), settled)

    def failed(self, notice: DueNotification, *, error: str, retry_in_s: float | None) -> None:
        with writing(self._engine) as connection:
            again = None if retry_in_s is None else database_now(connection) + timedelta(seconds=retry_in_s)
            mine = (notifications.c.attempts == notice.attempt, notifications.c.sent_at.is_(None))
            unsent = sa.update(notifications).where(*_key(notice), *mine)
            connection.execute(unsent, {"next_attempt_at": again, "error": error})


def _key(notice: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(notifications.c[name] == getattr(notice, name) for name in ("run_id", "target", "kind"))


def _due(now: Any) -> sa.Select[Any]:
    return (
        sa.select(notifications, schedules.c.name, schedules.c.notify)
        .join(runs, runs.c.id == notifications.c.run_id)
        .join(schedules, schedules.c.id == runs.c.schedule_id)
        .where(notifications.c.next_attempt_at <= now)
        .order_by(notifications.c.next_attempt_at)
    )
