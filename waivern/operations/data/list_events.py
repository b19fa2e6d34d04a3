"""List audit events."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from waivern.history.events import Event, iso_instant
from waivern.operations.application import Application


def list_events(
    application: Application,
    *,
    limit: int,
    kinds: Collection[str] = (),
    since: datetime | None = None,
    before: int | None = None,
) -> Sequence[Event]:
    """Return at most `limit` events, newest first, with a number below `before` and not older than `since`."""
    return application.storage.audit.newest(limit=limit, before=before, kinds=kinds or None, since=since)


def event_as_json(event: Event) -> Mapping[str, Any]:
    """Return an event as a JSON object: the fields that its hash covers, and the hash."""
    return {
        "seq": event.seq,
        "at": iso_instant(event.at),
        "actor": event.actor,
        "kind": event.kind,
        "body": event.body,
        "previous": event.previous,
        "hash": event.hash,
    }
