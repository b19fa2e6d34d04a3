"""Garbage collection of blobs that no artifact references any more, while runs continue to save.

1. The transaction that removes a reference adds the blob to `gc_candidates`, under a lock of the blob's row, with a new
   random generation.
2. The collector reads the candidates, and then, without locks, which of them an artifact references.
3. Under the locks of the rows, it writes tombstones over unreferenced candidates whose generation is still the same.

A transaction that saves content that is stored already locks its row too and removes the candidate. If that happens
before step 3, the collector skips the blob; if after, the transaction finds the tombstone and stores the content again.
If a process is killed, the candidates remain for the next collection.

A content in parts is collected in two rounds: the parts of a manifest become candidates when it is deleted. A part is
kept as long as it is in the manifest of a content that an artifact keeps. No artifact refers to a part directly, so the
rows of parts are deleted, while a content that an artifact had leaves a tombstone.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import NO_BYTES
from waivern.database.blobs.part_results import forget_results
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.connection.sqlite_file import enable_secure_delete
from waivern.database.events import event_rows
from waivern.database.retention.live_parts import parts_in_use, release_parts
from waivern.database.retention.retention_rules import had_any_of, holds_any_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, gc_candidates
from waivern.history.events import EventKind

_CANDIDATES = sa.select(gc_candidates)
_DIGESTS = sa.select(artifacts.c.digest).distinct()


@dataclass(frozen=True)
class Collected:
    """How many contents were deleted, and the bytes that they and their parts took in the database."""

    contents: int = 0
    freed_bytes: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(self.contents + other.contents, self.freed_bytes + other.freed_bytes)


def collect_garbage(engine: sa.Engine, *, actor: str) -> Collected:
    """Delete the content of every candidate that no artifact references, in batches of one transaction each."""
    total = Collected()
    for _round in ("contents", "their parts"):
        candidates = _find(engine)
        for digests in batched(sorted(candidates.generations)):
            batch = {digest: candidates.generations[digest] for digest in digests}
            total += retry_on_conflict(functools.partial(_collect, engine, batch, candidates, actor=actor))
    return total


@dataclass(frozen=True)
class _Candidates:
    """Candidates with their generations; which of them are in use, and which are contents that artifacts had."""

    generations: Mapping[str, int]
    in_use: Collection[str]
    held: Collection[str]


def _find(engine: sa.Engine) -> _Candidates:
    with engine.connect() as connection:
        generations = {row.digest: row.generation for row in connection.execute(_CANDIDATES)}
        if not generations:
            return _Candidates({}, (), ())
        # Read after the candidates: a reference that is committed later has removed its candidate by step 3.
        kept = _find_digests(connection, generations, holds_any_of)
        unused = generations.keys() - kept
        if not unused:
            return _Candidates(generations, kept, ())
        held = _find_digests(connection, generations, had_any_of)
        return _Candidates(generations, kept | parts_in_use(connection, unused), held)


def _find_digests(
    connection: sa.Connection,
    digests: Iterable[str],
    condition: Callable[[Collection[str]], sa.ColumnElement[bool]],
) -> set[str]:
    """Return those of the digests that an artifact has, looked up in the index one by one."""
    found = set[str]()
    for batch in batched(sorted(digests)):
        found.update(connection.scalars(_DIGESTS.where(condition(batch))))
    return found


def write_tombstones(connection: sa.Connection, digests: Collection[str]) -> None:
    """Delete the bytes and the keys of these blobs; a SQLite file is overwritten with zeros there."""
    enable_secure_delete(connection)
    connection.execute(sa.delete(blob_keys).where(blob_keys.c.digest.in_(list(digests))))
    connection.execute(sa.update(blobs).where(blobs.c.digest.in_(list(digests))).values(codec=TOMBSTONE, **NO_BYTES))


def delete_parts(connection: sa.Connection, digests: Collection[str]) -> None:
    """Delete the rows of parts; a SQLite file is overwritten with zeros there."""
    enable_secure_delete(connection)
    for table in (blob_keys, blobs):
        connection.execute(sa.delete(table).where(table.c.digest.in_(list(digests))))


def _collect(engine: sa.Engine, generations: Mapping[str, int], found: _Candidates, *, actor: str) -> Collected:
    with writing(engine) as connection:
        sizes = _lock_blobs(connection, generations)
        # Read again under the locks: a candidate that is gone, or has a new generation, was saved again meanwhile.
        query = _CANDIDATES.where(gc_candidates.c.digest.in_(list(generations)))
        rows = [row for row in connection.execute(query) if generations[row.digest] == row.generation]
        unchanged, keeps_results = [row.digest for row in rows], {row.digest: row.keeps_results for row in rows}
        garbage = [digest for digest in unchanged if digest not in found.in_use]
        contents = sorted(digest for digest in garbage if digest in found.held)
        parts = [digest for digest in garbage if digest not in found.held]
        if unchanged:
            connection.execute(sa.delete(gc_candidates).where(gc_candidates.c.digest.in_(unchanged)))
        if garbage:
            kept = {digest for digest in garbage if keeps_results[digest]}
            release_parts(connection, kept, keeps_results=True)
            release_parts(connection, set(garbage) - kept)
            write_tombstones(connection, contents)
            delete_parts(connection, parts)
            forget_results(connection, set(parts) - kept)
            body, at = {"digests": contents, **({"parts": len(parts)} if parts else {})}, database_now(connection)
            event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_DELETED, body=body, at=at)
    return Collected(len(contents), sum(sizes[digest] for digest in garbage))


def _lock_blobs(connection: sa.Connection, digests: Collection[str]) -> dict[str, int]:
    """Lock the rows of these blobs, ordered by digest so that no two transactions deadlock; return their sizes."""
    query = sa.select(blobs.c.digest, blobs.c.stored_size).where(blobs.c.digest.in_(list(digests)))
    rows = connection.execute(query.order_by(blobs.c.digest).with_for_update())
    return {row.digest: row.stored_size for row in rows}
