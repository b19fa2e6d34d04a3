"""Erasing in the database: finding contents by what they hold, and destroying their keys and bytes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.blob_store import STORED_COLUMNS, read
from waivern.database.connection.batches import batched, keyset_pages
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.data.residual_mentions import in_json, rows_that_name
from waivern.database.events import event_rows
from waivern.database.retention.blob_gc import empty, truncate_wal
from waivern.database.retention.retention_rules import HAS_CONTENT
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, gc_candidates, runs
from waivern.errors import RunError
from waivern.history.erasing import ErasableContent, Eraser, HeldBy
from waivern.history.events import EventKind
from waivern.runs.run import RunStatus

_FULL = sa.select(blobs.c.digest).where(blobs.c.codec != TOMBSTONE)
_STORED = (
    sa.select(*STORED_COLUMNS)
    .select_from(blobs.outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest))
    .where(blobs.c.digest == sa.bindparam("wanted", type_=blobs.c.digest.type), blobs.c.codec != TOMBSTONE)
)
_HOLDERS = (
    sa.select(artifacts.c.digest, runs.c.id, runs.c.runbook_name, artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .where(*HAS_CONTENT)
    .order_by(runs.c.id, artifacts.c.artifact_id)
)
_GOING_ON = _HOLDERS.where(runs.c.status.in_((RunStatus.RUNNING.value, RunStatus.QUEUED.value))).limit(1)


class SqlEraser(Eraser):
    """Reads contents one at a time, and erases a few hundred in one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def containing(self, texts: Collection[str]) -> Sequence[ErasableContent]:
        wanted = [in_json(text) for text in texts]
        pages = keyset_pages(self._engine, _FULL, blobs.c.digest)
        digests = (row.digest for page in pages for row in page)
        return self._described(digest for digest in digests if self._holds_one(digest, wanted))

    def held_by(self, run_id: str, artifact_id: str | None = None) -> Sequence[ErasableContent]:
        held = (
            sa.select(artifacts.c.digest)
            .distinct()
            .where(artifacts.c.run_number == run_number_of(run_id), *HAS_CONTENT)
        )
        if artifact_id is not None:
            held = held.where(artifacts.c.artifact_id == artifact_id)
        with self._engine.connect() as connection:
            digests = [str(digest) for digest in connection.scalars(held)]
        return self._described(digests)

    def named_elsewhere(self, texts: Collection[str]) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            return rows_that_name(connection, texts)

    def erase(self, digests: Collection[str], *, reason: str, actor: str) -> int:
        done = 0
        for some in batched(sorted(digests)):
            with writing(self._engine) as connection:
                done += _erase(connection, some, reason=reason, actor=actor, at=database_now(connection))
        truncate_wal(self._engine)
        return done

    def _holds_one(self, digest: str, wanted: Sequence[str]) -> bool:
        with self._engine.connect() as connection:
            row = connection.execute(_STORED, {"wanted": digest}).first()
            if row is None:  # it was emptied meanwhile
                return False
            what = f"the content {digest}"
            blob = read(connection, row, subject=what).decrypted(keyring_of(self._engine), subject=what)
        for part in blob.parts(subject=what):
            text = part.decode().casefold()  # a part ends between two items, never within a text
            if any(each in text for each in wanted):
                return True
        return False

    def _described(self, digests: Iterable[str]) -> Sequence[ErasableContent]:
        found = []
        for some in batched(digests):
            with self._engine.connect() as connection:
                of_some = sa.select(blobs.c.digest, blobs.c.size).where(blobs.c.digest.in_(some))
                sizes = {row.digest: row.size for row in connection.execute(of_some)}
                held: dict[str, list[HeldBy]] = {digest: [] for digest in some}
                for row in connection.execute(_HOLDERS.where(artifacts.c.digest.in_(some))):
                    held[row.digest].append(HeldBy(row.id, row.runbook_name, row.artifact_id))
            found += [ErasableContent(digest, sizes[digest], held[digest]) for digest in some]
        return found


def _erase(connection: sa.Connection, digests: Sequence[str], *, reason: str, actor: str, at: datetime) -> int:
    full = sa.select(blobs.c.digest).where(blobs.c.digest.in_(digests), blobs.c.codec != TOMBSTONE)
    there = [str(digest) for digest in connection.scalars(full.order_by(blobs.c.digest).with_for_update())]
    going_on = connection.execute(_GOING_ON.where(artifacts.c.digest.in_(there))).first()
    if going_on is not None:
        raise RunError(
            f"The run {going_on.id} is still going, and its '{going_on.artifact_id}' holds what is to be erased",
            remedy="Wait for it, or cancel it with `waivern cancel`",
        )
    if not there:
        return 0
    erased = {"pruned_at": at, "pruned_because": f"erased: {reason}"}
    connection.execute(sa.update(artifacts).where(artifacts.c.digest.in_(there), *HAS_CONTENT), erased)
    empty(connection, there)
    connection.execute(sa.delete(gc_candidates).where(gc_candidates.c.digest.in_(there)))
    body: dict[str, Any] = {"digests": there, "reason": reason}
    event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_ERASED, body=body, at=at)
    return len(there)
