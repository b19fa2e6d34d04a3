"""Verifying events that came along with runs: each by itself, and that there are those that came, and no other."""

from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.stored_values import as_stored, collate_binary
from waivern.database.events.event_rows import append
from waivern.database.schema.tables import events, imported_events
from waivern.database.verification.chain_checks import body_of, hash_of_row, rows_of
from waivern.history.event_log import EventKind
from waivern.history.proof import MerkleTree, leaf_of, plain
from waivern.history.verification import Part, Progress, Verification

_FOREIGN = sa.select(*map(as_stored, imported_events.columns)).order_by(
    collate_binary(imported_events.c.origin), imported_events.c.seq
)
_TOLD = (
    sa.select(events.c.seq, as_stored(events.c.body))
    .where(events.c.kind == EventKind.EVENTS_RESTORED)
    .order_by(events.c.seq.desc())
    .limit(1)
)
_NAMES = ("origin", "seq", "hash")
_KEYS = _FOREIGN.with_only_columns(*(as_stored(imported_events.c[name]) for name in _NAMES))


def check_foreign_events(connection: sa.Connection, found: Verification, progress: Progress) -> None:
    """Check each event of another chain, and that there are all that came here, and none besides."""
    tree, before = MerkleTree(), None
    for row in rows_of(connection, _FOREIGN):
        _check_link(row, before, found)
        tree.add(_leaf(row))
        before = row
        found.counts["imported_events"] += 1
        progress("events of other chains", found.counts["imported_events"])
    told = _newest_told(connection)
    if told is not None and body_of(told).get("root") != tree.root:
        number = body_of(told).get("events")
        why = f"they are not those that event {told.seq} tells of: {number} then, {tree.size} now"
        found.report(Part.EVENT, "the events of other chains", why)


def tell_of_foreign_events(connection: sa.Connection, *, actor: str) -> None:
    """Say in our chain which events of others there are by now, so that none is taken away or put in unseen."""
    tree = MerkleTree.of(map(_leaf, rows_of(connection, _KEYS)))
    told = _newest_told(connection)
    if told is None or body_of(told).get("root") != tree.root:
        body = {"root": tree.root, "events": tree.size}
        append(connection, actor=actor, kind=EventKind.EVENTS_RESTORED, body=body, at=database_now(connection))


def _newest_told(connection: sa.Connection) -> Any:
    return connection.execute(_TOLD).first()


def _check_link(row: Any, before: Any, found: Verification) -> None:
    name = f"event {row.seq} of the chain {plain(row.origin)}"
    if plain(row.hash) != hash_of_row(row):
        found.report(Part.EVENT, name, "its hash is not that of what it says")
    follows = before is not None and (before.origin, before.seq) == (row.origin, row.seq - 1)
    if follows and plain(row.previous) != plain(before.hash):
        found.report(Part.EVENT, name, "it does not hold the hash of the event before it")


def _leaf(row: Any) -> bytes:
    return leaf_of("imported_events", {name: getattr(row, name) for name in _NAMES})
