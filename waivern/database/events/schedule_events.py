"""The events of a schedule: added, changed, paused, resumed, removed, its clock corrected.

Append them last in their transaction.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.events import event_rows
from waivern.database.events.schedule_rows import row_of
from waivern.history.events import EventKind, iso_instant
from waivern.schedules.schedule import Schedule


def added(connection: sa.Connection, schedule: Schedule, *, actor: str, at: datetime) -> None:
    """Record a new schedule with its settings."""
    settings = {name: value for name, value in row_of(schedule.definition).items() if value is not None}
    _append(connection, schedule, EventKind.SCHEDULE_ADDED, {"settings": settings}, actor=actor, at=at)


def clock_corrected(
    connection: sa.Connection, before: Schedule, after: Schedule, *, undone: int, actor: str, at: datetime
) -> None:
    """Record that a schedule had been evaluated by a clock that was ahead; `undone` counts what is decided again."""
    body: dict[str, Any] = {
        "evaluated_until": {
            "from": iso_instant(before.evaluated_until),
            "to": iso_instant(after.evaluated_until),
        },
        "decided_again": undone,
        **_changed_settings(before, after),
    }
    if after.paused_because is not None:
        body["because"] = after.paused_because
    _append(connection, after, EventKind.SCHEDULE_CLOCK_CORRECTED, body, actor=actor, at=at)


def changed(
    connection: sa.Connection, before: Schedule, after: Schedule, kind: EventKind, *, actor: str, at: datetime
) -> None:
    """Record a change of a schedule: changed settings, paused, resumed or removed."""
    body: dict[str, Any] = {}
    if kind is EventKind.SCHEDULE_CHANGED:
        body = {"from": {}, "to": {}, **_changed_settings(before, after)}
    if after.paused_because is not None:
        body["because"] = after.paused_because
    _append(connection, after, kind, body, actor=actor, at=at)


def _changed_settings(before: Schedule, after: Schedule) -> dict[str, Any]:
    """Return `from` and `to` with the settings that differ; nothing if none does."""
    old, new = row_of(before.definition), row_of(after.definition)
    changed_names = [name for name in new if new[name] != old[name]]
    if not changed_names:
        return {}
    return {"from": {name: old[name] for name in changed_names}, "to": {name: new[name] for name in changed_names}}


def _append(
    connection: sa.Connection, schedule: Schedule, kind: EventKind, details: dict[str, Any], *, actor: str, at: datetime
) -> None:
    body = {"schedule": schedule.id, "name": schedule.definition.name, **details}
    event_rows.append(connection, actor=actor, kind=kind.value, body=body, at=at)
