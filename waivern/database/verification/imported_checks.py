"""Verify imported events: each hash and link, and that exactly the recorded ones are here."""

from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.stored_values import as_stored, collate_binary
from waivern.database.events.event_rows import append
from waivern.database.events.recorded_changes import RecordedChanges
from waivern.database.events.stored_events import body_of, expected_hash
from waivern.database.schema.tables import events, imported_events
from waivern.database.verification.chain_checks import rows_of
from waivern.history.events import EventKind
from waivern.history.merkle import MerkleTree, hashable, leaf_hash
from waivern.history.verification import Progress, RecordKind, Verification

_IMPORTED = sa.select(*map(as_stored, imported_events.columns)).order_by(
    collate_binary(imported_events.c.origin), imported_events.c.seq
)
_NEWEST_RECORD = (
    sa.select(events.c.seq, as_stored(events.c.body))
    .where(events.c.kind == EventKind.EVENTS_IMPORTED)
    .order_by(events.c.seq.desc())
    .limit(1)
)
_LEAF_COLUMNS = ("origin", "seq", "hash")
_LEAVES = _IMPORTED.with_only_columns(*(as_stored(imported_events.c[name]) for name in _LEAF_COLUMNS))


def check_imported_events(
    connection: sa.Connection, result: Verification, progress: Progress, imported: RecordedChanges
) -> None:
    """Verify each imported event, and that all recorded ones are here and no others; note what they recorded."""
    tree, before = MerkleTree(), None
    for row in rows_of(connection, _IMPORTED):
        _check_link(row, before, result)
        tree.add(_leaf(row))
        before = row
        imported.note(at=row.at, kind=row.kind, body=body_of(row))
        result.counts["imported_events"] += 1
        progress("imported events", result.counts["imported_events"])
    recorded = connection.execute(_NEWEST_RECORD).first()
    if recorded is None and tree.size:
        result.report(RecordKind.EVENT, "imported events", "no event recorded their import")
    elif recorded is not None and body_of(recorded).get("root") != tree.root:
        number = body_of(recorded).get("events")
        problem = f"they are not those that event {recorded.seq} recorded: {number} then, {tree.size} now"
        result.report(RecordKind.EVENT, "imported events", problem)


def record_imported_events(connection: sa.Connection, *, actor: str) -> None:
    """Append an event with the root over all imported events, so that adding or removing one is noticed."""
    tree = MerkleTree.of(map(_leaf, rows_of(connection, _LEAVES)))
    recorded = connection.execute(_NEWEST_RECORD).first()
    if recorded is None or body_of(recorded).get("root") != tree.root:
        body = {"root": tree.root, "events": tree.size}
        append(connection, actor=actor, kind=EventKind.EVENTS_IMPORTED, body=body, at=database_now(connection))


def _check_link(row: Any, before: Any, result: Verification) -> None:
    name = f"event {row.seq} of chain {hashable(row.origin)}"
    if hashable(row.hash) != expected_hash(row):
        result.report(RecordKind.EVENT, name, "its hash does not match its content")
    follows = before is not None and (before.origin, before.seq) == (row.origin, row.seq - 1)
    if follows and hashable(row.previous) != hashable(before.hash):
        result.report(RecordKind.EVENT, name, "it does not hold the hash of the event before it")


def _leaf(row: Any) -> bytes:
    return leaf_hash("imported_events", {name: getattr(row, name) for name in _LEAF_COLUMNS})
