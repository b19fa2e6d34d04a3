"""Ask what happened."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from waivern.history.event_log import Event, instant
from waivern.operations.application import Application


def list_events(
    application: Application,
    *,
    limit: int,
    kinds: Collection[str] = (),
    since: datetime | None = None,
    before: int | None = None,
) -> Sequence[Event]:
    """Return at most `limit` events, newest first; before the one of that number, and from an instant on."""
    return application.storage.events.newest(limit=limit, before=before, kinds=kinds or None, since=since)


def event_as_json(event: Event) -> Mapping[str, Any]:
    """Return an event as a JSON object: what its hash is over, and the hash."""
    return {
        "seq": event.seq,
        "at": instant(event.at),
        "actor": event.actor,
        "kind": event.kind,
        "body": event.body,
        "previous": event.previous,
        "hash": event.hash,
    }
