"""Events are appended in the very transaction of what they tell; whoever does so appends last.

From an append to the end of its transaction nobody else appends: so little as possible should come after it, and
nothing that waits for another's row.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from waivern.database.connection.column_types import escape_text
from waivern.database.schema.tables import events, runs
from waivern.history.event_log import BEFORE_THE_FIRST, Event, EventKind, hash_of, plain_body
from waivern.messages.canonical import canonical_bytes

_LOCK = 0x57414945  # "WAIE": the advisory lock under which Postgres appends; SQLite has one writer anyway
_TAKE_TURN = sa.text("SELECT pg_advisory_xact_lock(:key)")
_NEWEST = sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
_INSERT = sa.insert(events)
_NUMBER_OF_RUNS = sa.select(sa.func.count()).select_from(runs)


def append(connection: sa.Connection, *, actor: str, kind: str, body: Mapping[str, Any], at: datetime) -> Event:
    """Write down, in the transaction of `connection`, what it does.

    Raises:
        MessageError: `body` is not JSON.
    """
    content = plain_body(body)
    if connection.dialect.name == "postgresql":
        connection.execute(_TAKE_TURN, {"key": _LOCK})
    newest: Any = connection.execute(_NEWEST).first()
    if newest is None:
        begun: dict[str, Any] = {"actor": actor, "kind": EventKind.CHAIN_BEGUN.value, "body": _birth(connection)}
        newest = _inserted(connection, 1, BEFORE_THE_FIRST, at=at, **begun)
    return _inserted(connection, newest.seq + 1, newest.hash, actor=actor, kind=kind, body=content, at=at)


def _inserted(
    connection: sa.Connection, seq: int, previous: str, *, actor: str, kind: str, body: dict[str, Any], at: datetime
) -> Event:
    who, what = escape_text(actor), escape_text(str(kind))
    digest = hash_of(seq=seq, at=at, actor=who, kind=what, body=canonical_bytes(body), previous=previous)
    row: dict[str, Any] = {
        "seq": seq,
        "at": at,
        "actor": who,
        "kind": what,
        "body": body,
        "previous": previous,
        "hash": digest,
    }
    connection.execute(_INSERT, row)
    return Event(**row)


def _birth(connection: sa.Connection) -> dict[str, Any]:
    """What tells this chain from any other, and how many runs it says nothing about."""
    return {"installation": str(uuid4()), "runs_before": connection.execute(_NUMBER_OF_RUNS).scalar_one()}
