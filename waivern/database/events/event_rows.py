"""Append events in the transaction that makes the change they record.

Append last: on Postgres an advisory lock is held from the append to the end of the transaction, so no other process can
append until then. Nothing that waits for another row lock may follow.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from waivern.database.connection.column_types import escape_text
from waivern.database.schema.tables import events
from waivern.history.events import GENESIS_HASH, Event, EventKind, canonical_body, event_hash
from waivern.messages.canonical import canonical_bytes

_LOCK_KEY = 0x57414945  # "WAIE"; SQLite needs no lock because it has one writer
_LOCK = sa.text("SELECT pg_advisory_xact_lock(:key)")
_NEWEST = sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
_INSERT = sa.insert(events)


def append(connection: sa.Connection, *, actor: str, kind: str, body: Mapping[str, Any], at: datetime) -> Event:
    """Append an event in the transaction of `connection`.

    Raises:
        MessageError: `body` is not JSON.
    """
    canonical = canonical_body(body)
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"key": _LOCK_KEY})
    newest: Any = connection.execute(_NEWEST).first()
    if newest is None:
        newest = _insert(
            connection,
            1,
            GENESIS_HASH,
            actor=actor,
            kind=EventKind.CHAIN_STARTED.value,
            body={"installation": str(uuid4())},
            at=at,
        )
    return _insert(connection, newest.seq + 1, newest.hash, actor=actor, kind=kind, body=canonical, at=at)


def _insert(
    connection: sa.Connection, seq: int, previous: str, *, actor: str, kind: str, body: dict[str, Any], at: datetime
) -> Event:
    actor, kind = escape_text(actor), escape_text(str(kind))
    digest = event_hash(seq=seq, at=at, actor=actor, kind=kind, body=canonical_bytes(body), previous=previous)
    event = Event(seq=seq, at=at, actor=actor, kind=kind, body=body, previous=previous, hash=digest)
    connection.execute(_INSERT, vars(event))
    return event
