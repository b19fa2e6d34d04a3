"""Stored events read without trust: after tampering, any column may hold any value."""

from contextlib import suppress
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.stored_values import as_stored
from waivern.database.schema.tables import events
from waivern.errors import MessageError
from waivern.history.events import event_hash_of_stored
from waivern.history.merkle import hashable

EVENTS = sa.select(*map(as_stored, events.columns)).order_by(events.c.seq)
_HASHED = ("seq", "at", "actor", "kind", "previous")


def body_of(row: Any) -> dict[str, Any]:
    """Return the body of a stored event; empty if it cannot be read, which its hash reveals."""
    with suppress(msgspec.DecodeError, UnicodeEncodeError, AttributeError):
        body = msgspec.json.decode(row.body.encode())
        if isinstance(body, dict):
            return body
    return {}


def expected_hash(row: Any) -> str:
    """Return the hash that a stored event must have; empty if its columns cannot be hashed."""
    fields = {name: hashable(getattr(row, name)) for name in _HASHED}
    try:
        return event_hash_of_stored(row.body.encode("utf-8", "surrogateescape"), **fields)
    except (MessageError, AttributeError):
        return ""


def chain_id(connection: sa.Connection) -> str | None:
    """Return the random id in the first event of this database's chain; None if there is no event, or no id in it."""
    first = connection.execute(EVENTS.limit(1)).first()
    return None if first is None else installation_of(first)


def installation_of(first: Any) -> str | None:
    """Return the chain's id from its first event."""
    installation = body_of(first).get("installation")
    return installation if isinstance(installation, str) else None
