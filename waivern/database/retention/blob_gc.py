"""Emptying contents that nobody keeps, while runs go on and save.

1. Whoever lets a message go marks its blob, under a lock of the blob's row.
2. Without any lock it is looked up which of the marked ones an artifact still keeps.
3. Under the locks of their rows, those are emptied that still bear the mark that was seen.

Whoever saves a content that is there already locks its row too and takes the mark away: either before 3, which then
passes it by, or after it, and fills the blob again. Where the process is killed the marks stay, and the next goes on.
"""

import functools
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import NO_BYTES
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.events import event_rows
from waivern.database.retention.retention_rules import HAS_CONTENT
from waivern.database.schema.tables import artifacts, blob_keys, blobs, gc_candidates
from waivern.history.events import EventKind

_CHECKPOINT_MS = 500
_UNWANTED = sa.select(gc_candidates.c.digest, gc_candidates.c.generation)
_KEPT_ALL_THE_SAME = (
    sa.select(artifacts.c.digest)
    .distinct()
    .where(*HAS_CONTENT, artifacts.c.digest.in_(sa.select(gc_candidates.c.digest)))
)


@dataclass(frozen=True)
class Collected:
    """How many contents were emptied, and what they took in the database."""

    contents: int = 0
    freed_bytes: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(self.contents + other.contents, self.freed_bytes + other.freed_bytes)


def collect_garbage(engine: sa.Engine, *, actor: str) -> Collected:
    """Empty every marked content that no artifact keeps, a few hundred in one transaction."""
    with engine.connect() as connection:
        marks = {row.digest: row.generation for row in connection.execute(_UNWANTED)}
    if not marks:
        return Collected()
    with engine.connect() as connection:  # another one: what it sees must be no older than the marks
        kept = set(connection.scalars(_KEPT_ALL_THE_SAME))
    total = Collected()
    for some in batched(sorted(marks)):
        batch = {digest: marks[digest] for digest in some}
        total += retry_on_conflict(functools.partial(_settled, engine, batch, kept, actor=actor))
    return total


def _settled(engine: sa.Engine, marks: Mapping[str, int], kept: Collection[str], *, actor: str) -> Collected:
    with writing(engine) as connection:
        return _settle(connection, marks, kept, actor=actor)


def _settle(connection: sa.Connection, marks: Mapping[str, int], kept: Collection[str], *, actor: str) -> Collected:
    in_order = sa.select(blobs.c.digest, blobs.c.stored_size).where(blobs.c.digest.in_(list(marks)))
    sizes = {
        row.digest: row.stored_size for row in connection.execute(in_order.order_by(blobs.c.digest).with_for_update())
    }
    now = connection.execute(_UNWANTED.where(gc_candidates.c.digest.in_(list(marks))))
    seen = [row.digest for row in now if marks[row.digest] == row.generation]
    to_empty = [digest for digest in seen if digest not in kept]
    if to_empty:
        empty(connection, to_empty)
    if seen:
        connection.execute(sa.delete(gc_candidates).where(gc_candidates.c.digest.in_(seen)))
    if to_empty:
        body, at = {"digests": sorted(to_empty)}, database_now(connection)
        event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_DELETED, body=body, at=at)
    return Collected(len(to_empty), sum(sizes[digest] for digest in to_empty))


def enable_secure_delete(connection: sa.Connection) -> None:
    """Let what is taken out of a SQLite file be overwritten with zeros in it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def empty(connection: sa.Connection, digests: Collection[str]) -> None:
    """Take the bytes, and the keys, out of these blobs; on SQLite they are overwritten in the file, too."""
    enable_secure_delete(connection)
    connection.execute(sa.delete(blob_keys).where(blob_keys.c.digest.in_(list(digests))))
    connection.execute(sa.update(blobs).where(blobs.c.digest.in_(list(digests))).values(codec=TOMBSTONE, **NO_BYTES))


def truncate_wal(engine: sa.Engine) -> None:
    """Let a SQLite file's write-ahead log not hold what was emptied; readers may make that wait for the next time.

    It keeps writers waiting while it waits for readers, so it does not wait long.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        (usual,) = raw.execute("PRAGMA busy_timeout").fetchone()
        raw.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_MS}")
        try:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError:
            pass  # somebody else checkpoints, and does not empty the log; the next one will
        finally:
            raw.execute(f"PRAGMA busy_timeout = {usual}")
