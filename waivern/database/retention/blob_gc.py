"""Garbage collection of blobs that no artifact references any more, while runs continue to save.

1. The transaction that removes a reference adds the blob to `gc_candidates`, under a lock of the blob's row, with a new
   random generation.
2. The collector reads the candidates, and then, without locks, which of them an artifact references.
3. Under the locks of the rows, it writes tombstones over unreferenced candidates whose generation is still the same.

A transaction that saves content that is stored already locks its row too and removes the candidate. If that happens
before step 3, the collector skips the blob; if after, the transaction finds the tombstone and stores the content again.
If a process is killed, the candidates remain for the next collection.
"""

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import NO_BYTES
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.connection.sqlite_file import enable_secure_delete
from waivern.database.events import event_rows
from waivern.database.retention.retention_rules import holds_any_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, gc_candidates
from waivern.history.events import EventKind

_CANDIDATES = sa.select(gc_candidates.c.digest, gc_candidates.c.generation)
_REFERENCES = sa.select(artifacts.c.digest).distinct()


@dataclass(frozen=True)
class Collected:
    """How many contents were deleted, and their size in the database."""

    contents: int = 0
    freed_bytes: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(self.contents + other.contents, self.freed_bytes + other.freed_bytes)


def collect_garbage(engine: sa.Engine, *, actor: str) -> Collected:
    """Delete the content of every candidate that no artifact references, in batches of one transaction each."""
    with engine.connect() as connection:
        generations = {row.digest: row.generation for row in connection.execute(_CANDIDATES)}
        if not generations:
            return Collected()
        # Read after the candidates: a reference that is committed later has removed its candidate by step 3.
        referenced = _referenced(connection, generations)
    total = Collected()
    for digests in batched(sorted(generations)):
        batch = {digest: generations[digest] for digest in digests}
        total += retry_on_conflict(functools.partial(_collect, engine, batch, referenced, actor=actor))
    return total


def _referenced(connection: sa.Connection, digests: Iterable[str]) -> set[str]:
    """Return the digests that an artifact references, looked up in the index one by one."""
    found: set[str] = set()
    for batch in batched(sorted(digests)):
        found.update(connection.scalars(_REFERENCES.where(holds_any_of(batch))))
    return found


def write_tombstones(connection: sa.Connection, digests: Collection[str]) -> None:
    """Delete the bytes and the keys of these blobs; a SQLite file is overwritten with zeros there."""
    enable_secure_delete(connection)
    connection.execute(sa.delete(blob_keys).where(blob_keys.c.digest.in_(list(digests))))
    connection.execute(sa.update(blobs).where(blobs.c.digest.in_(list(digests))).values(codec=TOMBSTONE, **NO_BYTES))


def _collect(
    engine: sa.Engine, generations: Mapping[str, int], referenced: Collection[str], *, actor: str
) -> Collected:
    with writing(engine) as connection:
        sizes = _lock_blobs(connection, generations)
        # Read again under the locks: a candidate that is gone, or has a new generation, was saved again meanwhile.
        query = _CANDIDATES.where(gc_candidates.c.digest.in_(list(generations)))
        unchanged = [row.digest for row in connection.execute(query) if generations[row.digest] == row.generation]
        garbage = [digest for digest in unchanged if digest not in referenced]
        if unchanged:
            connection.execute(sa.delete(gc_candidates).where(gc_candidates.c.digest.in_(unchanged)))
        if garbage:
            write_tombstones(connection, garbage)
            body, at = {"digests": sorted(garbage)}, database_now(connection)
            event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_DELETED, body=body, at=at)
    return Collected(len(garbage), sum(sizes[digest] for digest in garbage))


def _lock_blobs(connection: sa.Connection, digests: Collection[str]) -> dict[str, int]:
    """Lock the rows of these blobs, ordered by digest so that no two transactions deadlock; return their sizes."""
    query = sa.select(blobs.c.digest, blobs.c.stored_size).where(blobs.c.digest.in_(list(digests)))
    rows = connection.execute(query.order_by(blobs.c.digest).with_for_update())
    return {row.digest: row.stored_size for row in rows}
