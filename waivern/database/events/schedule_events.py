"""The events of schedules: added, changed, paused, resumed, removed; with what was decided."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.events import event_rows
from waivern.database.events.schedule_rows import row_of
from waivern.history.event_log import EventKind
from waivern.schedules.schedule import Schedule


def added(connection: sa.Connection, schedule: Schedule, *, actor: str, at: datetime) -> None:
    """Say that there is a new schedule; after all else that its transaction writes."""
    terms = {name: value for name, value in row_of(schedule.definition).items() if value is not None}
    _append(connection, schedule, EventKind.SCHEDULE_ADDED, {"terms": terms}, actor=actor, at=at)


def changed(
    connection: sa.Connection, before: Schedule, after: Schedule, kind: EventKind, *, actor: str, at: datetime
) -> None:
    """Say what is other than before; after all else that its transaction writes."""
    old, new = row_of(before.definition), row_of(after.definition)
    other = [name for name in new if new[name] != old[name]]
    body: dict[str, Any] = {}
    if kind is EventKind.SCHEDULE_CHANGED:
        body = {"from": {name: old[name] for name in other}, "to": {name: new[name] for name in other}}
    if after.paused_because is not None:
        body["because"] = after.paused_because
    _append(connection, after, kind, body, actor=actor, at=at)


def _append(
    connection: sa.Connection, schedule: Schedule, kind: EventKind, body: dict[str, Any], *, actor: str, at: datetime
) -> None:
    said = {"schedule": schedule.id, "name": schedule.definition.name, **body}
    event_rows.append(connection, actor=actor, kind=kind.value, body=said, at=at)
