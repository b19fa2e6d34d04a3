"""Restore artifacts with their contents, except for contents that were erased here."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archived_records import ArchivedRecords
from waivern.database.blobs import blob_store
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import NO_BYTES
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.inserts import insert_ignore
from waivern.database.events import event_rows
from waivern.database.schema.artifact_view import artifact_view, insert_artifacts
from waivern.database.schema.tables import blobs, events
from waivern.history.events import EventKind

_ERASED_HERE = (
    sa.select(events.c.at, events.c.body).where(events.c.kind == EventKind.CONTENTS_ERASED).order_by(events.c.seq)
)


def restore_contents(
    connection: sa.Connection, records: ArchivedRecords, run_ids: Collection[str], *, actor: str
) -> tuple[int, int]:
    """Write the artifacts of runs with the contents that they keep.

    Returns:
        How many contents were written, and how many were not because they were erased here.
    """
    parts = records.parts()
    erased_here = _erased_here(connection, records)
    erased_here = {**_with_erased_parts(connection, parts, erased_here, actor=actor), **erased_here}
    artifacts: list[dict[str, Any]] = []
    kept, held, erased = set[str](), set[str](), set[str]()
    for row in records.rows_of_runs(artifact_view, run_ids):
        held.add(row["digest"])
        if row["digest"] in erased_here and row["pruned_at"] is None:
            erased.add(row["digest"])
            row = {**row, **erased_here[row["digest"]]}
        elif row["pruned_at"] is None:
            kept.add(row["digest"])
        artifacts.append(row)
    kept = kept.union(*(parts[digest] for digest in kept & parts.keys()))
    number = 0
    for blob in records.blobs():
        if blob.digest in kept and blob.codec != TOMBSTONE:
            blob_store.store(connection, blob)
            number += 1
        elif blob.digest in held:
            tombstone = {"digest": blob.digest, "codec": TOMBSTONE, "size": blob.size, **NO_BYTES}
            connection.execute(insert_ignore(connection, blobs), tombstone)
    insert_artifacts(connection, artifacts)
    return number, len(erased)


def _erased_here(connection: sa.Connection, records: ArchivedRecords) -> Mapping[str, Mapping[str, Any]]:
    """By digest of each content or part that was erased here and is not stored again: how its artifacts are marked."""
    erased = {
        digest: {"pruned_at": event.at, "pruned_because": f"erased: {event.body.get('reason')}"}
        for event in connection.execute(_ERASED_HERE)
        for digest in event.body.get("digests", ())
    }
    archived = {row["digest"] for row in records.rows(blobs)} & erased.keys()
    marks: dict[str, Mapping[str, Any]] = {}
    for batch in batched(sorted(archived)):
        stored = sa.select(blobs.c.digest).where(blobs.c.digest.in_(batch), blobs.c.codec != TOMBSTONE)
        stored_again = set(connection.scalars(stored))
        for digest in set(batch) - stored_again:
            marks[digest] = erased[digest]
    return marks


def _with_erased_parts(
    connection: sa.Connection,
    parts: Mapping[str, set[str]],
    erased_here: Mapping[str, Mapping[str, Any]],
    *,
    actor: str,
) -> Mapping[str, Mapping[str, Any]]:
    """By digest of each content in parts of which a part was erased here: how its artifacts are marked from now on."""
    digests = sorted(digest for digest in parts.keys() - erased_here.keys() if parts[digest] & erased_here.keys())
    if not digests:
        return {}
    at, reason = database_now(connection), "a part of it was erased before it was restored"
    body = {"digests": digests, "reason": reason}
    event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_ERASED, body=body, at=at)
    return {digest: {"pruned_at": at, "pruned_because": f"erased: {reason}"} for digest in digests}
