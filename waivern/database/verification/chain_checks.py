"""Verifying the chain of events: each number, link and hash, and that the runs it tells of are there."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.stored_values import as_stored
from waivern.database.schema.tables import events, runs
from waivern.errors import MessageError
from waivern.history.event_log import BEFORE_THE_FIRST, EventKind, hash_of_said
from waivern.history.proof import plain
from waivern.history.verification import ChainEnd, Part, Progress, Verification

PAGE = 500
_OF_A_RUN = (EventKind.RUN_OPENED, EventKind.RUN_RESUMED, EventKind.RUN_CLOSED)
_EVENTS = sa.select(*map(as_stored, events.columns)).order_by(events.c.seq)


def check_events(connection: sa.Connection, found: Verification, progress: Progress) -> None:
    """Check the whole chain; `found` is told where it ends."""
    before, expected, first = BEFORE_THE_FIRST, 1, None
    for page in batched(rows_of(connection, _EVENTS), PAGE):
        for row in page:
            _check_link(row, expected, before, found)
            first = first or row
            before, expected = plain(row.hash), row.seq + 1
            found.end = ChainEnd(_installation(first), row.seq, str(plain(row.hash)), _instant(row.at))
        _check_that_runs_are_there(connection, page, found)
        found.counts["events"] += len(page)
        progress("events", found.counts["events"])


def body_of(row: Any) -> dict[str, Any]:
    """The body of a stored event; nothing where it is damaged, which its hash tells."""
    with suppress(msgspec.DecodeError, UnicodeEncodeError, AttributeError):
        body = msgspec.json.decode(row.body.encode())
        if isinstance(body, dict):
            return body
    return {}


def _check_link(row: Any, expected: int, before: str, found: Verification) -> None:
    name = f"event {row.seq}"
    if row.seq != expected:
        missing = f"{expected}" if row.seq == expected + 1 else f"{expected} to {row.seq - 1}"
        found.report(Part.EVENT, name, f"the one before it is missing: {missing}")
    elif plain(row.previous) != before:
        found.report(Part.EVENT, name, "it does not hold the hash of the event before it")
    if plain(row.hash) != hash_of_row(row):
        found.report(Part.EVENT, name, "its hash is not that of what it says")


def hash_of_row(row: Any) -> str:
    """Return the hash that a stored event has to have; "" where what it says cannot be read."""
    said = {name: plain(getattr(row, name)) for name in ("seq", "at", "actor", "kind", "previous")}
    try:
        return hash_of_said(row.body.encode("utf-8", "surrogateescape"), **said)
    except (MessageError, AttributeError):
        return ""


def _check_that_runs_are_there(connection: sa.Connection, page: Sequence[Any], found: Verification) -> None:
    told = {row.seq: str(body_of(row).get("run")) for row in page if row.kind in _OF_A_RUN}
    if not told:
        return
    wanted = sa.select(runs.c.id, runs.c.event_seq).where(runs.c.id.in_(set(told.values())))
    newest = {row.id: row.event_seq for row in connection.execute(wanted)}
    for seq, run_id in told.items():
        if run_id not in newest:
            found.report(Part.RUN, f"run {run_id}", f"event {seq} tells of it, and it is not there", run=run_id)
        elif newest[run_id] is None or newest[run_id] < seq:
            found.report(Part.RUN, f"run {run_id}", f"event {seq} tells of it, and it does not know", run=run_id)


def installation_of(connection: sa.Connection) -> str:
    """Return what tells this chain from others; "" where there is none, or nothing tells it."""
    first = connection.execute(_EVENTS.limit(1)).first()
    return "" if first is None else _installation(first)


def _installation(first: Any) -> str:
    return str(body_of(first).get("installation", ""))


def _instant(at: Any) -> datetime:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(str(plain(at)))
    return datetime.fromtimestamp(0, UTC)


def rows_of(connection: sa.Connection, statement: "sa.Select[Any]", *, at_once: int = PAGE) -> Iterator[Any]:
    """The rows of a statement as they come, however many they are."""
    return iter(connection.execute(statement.execution_options(yield_per=at_once)))
