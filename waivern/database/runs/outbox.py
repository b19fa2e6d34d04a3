"""The outbox: notifications are queued in the transaction of the event, and wait here until they are delivered."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.inserts import insert_ignore
from waivern.database.schema.tables import notifications, runs, schedules
from waivern.runs.notifications import (
    TARGETS,
    DueNotification,
    NotificationKind,
    delivery_lease_s,
    gate_notification_for,
    notification_for,
)
from waivern.runs.run import RunStatus

_LONGEST_WAIT = timedelta(hours=1)  # longer than the lease of a delivery, and than the delay after a failed one
_MAX_PREVIOUS_RUNS = 100  # the previous run is looked for among the newest ones, so that the query stays fast
_CONCLUSIVE = [
    status.value for status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.INTERRUPTED)
]
_SCHEDULE = (
    sa.select(runs.c.schedule_id, runs.c.status, schedules.c.notify)
    .join(schedules, schedules.c.id == runs.c.schedule_id)
    .where(runs.c.id == sa.bindparam("of_run"), schedules.c.notify.is_not(None))
)
_NEWEST_RUNS = (
    sa.select(runs.c.status, runs.c.ended_at)
    .where(runs.c.schedule_id == sa.bindparam("of_schedule"), runs.c.id != sa.bindparam("of_run"))
    .where(runs.c.status.in_(_CONCLUSIVE))
    .order_by(runs.c.created_at.desc())
    .limit(_MAX_PREVIOUS_RUNS)
    .subquery()
)
_PREVIOUS_STATUS = sa.select(_NEWEST_RUNS.c.status).order_by(_NEWEST_RUNS.c.ended_at.desc()).limit(1)


def queue_notifications(connection: sa.Connection, run_id: str, status: RunStatus, *, at: datetime) -> None:
    """Queue the notifications about the end of a run, in the transaction that closes it."""
    schedule = connection.execute(_SCHEDULE, {"of_run": run_id}).first()
    if schedule is None:
        return
    previous = _previous_status(connection, run_id, schedule.schedule_id) if status is RunStatus.SUCCEEDED else None
    kind = notification_for(status, previous, _events(schedule.notify))
    _queue(connection, run_id, kind, schedule.notify, at=at)


def queue_gate_notifications(connection: sa.Connection, run_id: str, *, at: datetime) -> None:
    """Queue the notifications about a failed gate, in the transaction that records the gates of the run."""
    schedule = connection.execute(_SCHEDULE, {"of_run": run_id}).first()
    if schedule is not None:
        kind = gate_notification_for(RunStatus(schedule.status), _events(schedule.notify))
        _queue(connection, run_id, kind, schedule.notify, at=at)


def claim_due(connection: sa.Connection, *, limit: int) -> Sequence[DueNotification]:
    """Claim due notifications, each for as long as its delivery may take."""
    now = database_now(connection)
    due = _due(now).limit(limit).with_for_update(of=notifications, skip_locked=True)
    rows = connection.execute(due).all()
    for row in rows:
        lease_ends_at = now + timedelta(seconds=delivery_lease_s(row.target, row.notify or {}))
        claimed = {"next_attempt_at": lease_ends_at, "attempts": row.attempts + 1}
        connection.execute(sa.update(notifications).where(*_key(row)), claimed)
    return [
        DueNotification(
            row.run_id, row.target, NotificationKind(row.kind), row.attempts + 1, row.name, row.notify or {}
        )
        for row in rows
    ]


def has_due(connection: sa.Connection) -> bool:
    """Return whether a notification is due."""
    return connection.execute(_due(database_now(connection)).limit(1)).first() is not None


def mark_delivered(connection: sa.Connection, notification: DueNotification) -> None:
    """Record that a notification was delivered."""
    delivered = {"next_attempt_at": None, "sent_at": database_now(connection), "error": None}
    connection.execute(sa.update(notifications).where(*_key(notification)), delivered)


def mark_failed(
    connection: sa.Connection, notification: DueNotification, *, error: str, retry_in_s: float | None
) -> None:
    """Record a failed delivery, unless the notification was delivered or claimed again in the meantime."""
    retry_at = None if retry_in_s is None else database_now(connection) + timedelta(seconds=retry_in_s)
    is_current = (notifications.c.attempts == notification.attempt, notifications.c.sent_at.is_(None))
    failed = sa.update(notifications).where(*_key(notification), *is_current)
    connection.execute(failed, {"next_attempt_at": retry_at, "error": error})


def _events(notify: Mapping[str, Any]) -> Collection[str]:
    events: Collection[str] = notify.get("events", list(NotificationKind))
    return events


def _queue(
    connection: sa.Connection, run_id: str, kind: NotificationKind | None, notify: Mapping[str, Any], *, at: datetime
) -> None:
    if kind is None:
        return
    row = {"run_id": run_id, "kind": kind.value, "created_at": at, "next_attempt_at": at, "attempts": 0}
    rows = [{**row, "target": target} for target in TARGETS if notify.get(target)]
    if rows:
        connection.execute(insert_ignore(connection, notifications), rows)


def _previous_status(connection: sa.Connection, run_id: str, schedule_id: str) -> RunStatus | None:
    """Return how the run that ended last before this one did so; a cancelled run says nothing about the scan."""
    status = connection.execute(_PREVIOUS_STATUS, {"of_run": run_id, "of_schedule": schedule_id}).scalar_one_or_none()
    return None if status is None else RunStatus(status)


def _key(notification: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(notifications.c[name] == getattr(notification, name) for name in ("run_id", "target", "kind"))


def _due(now: datetime) -> sa.Select[Any]:
    """Those whose time has come; and those whose time is further ahead than any delay, by a clock that was wrong."""
    next_attempt_at = notifications.c.next_attempt_at
    return (
        sa.select(notifications, schedules.c.name, schedules.c.notify)
        .join(runs, runs.c.id == notifications.c.run_id)
        .join(schedules, schedules.c.id == runs.c.schedule_id)
        .where(sa.or_(next_attempt_at <= now, next_attempt_at > now + _LONGEST_WAIT))
        .order_by(notifications.c.next_attempt_at)
    )
