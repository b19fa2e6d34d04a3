"""Erasure: find contents by what they contain or who holds them, and destroy their keys and bytes."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.blob import MANIFEST, TOMBSTONE
from waivern.database.blobs.blob_store import STORED_COLUMNS, read
from waivern.database.blobs.part_results import forget_results, forget_results_without_parts
from waivern.database.connection.batches import batched, keyset_pages
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.connection.sqlite_file import truncate_wal
from waivern.database.data.residual_mentions import text_in_json
from waivern.database.events import event_rows
from waivern.database.retention.blob_gc import collect_garbage, write_tombstones
from waivern.database.retention.live_parts import digests_in, kept_manifests, manifests_of, release_parts
from waivern.database.retention.retention_rules import HAS_CONTENT, holds_any_of
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, gc_candidates, runs
from waivern.errors import RunError
from waivern.history.events import EventKind
from waivern.history.retention import ContentUse, ErasableContent
from waivern.runs.run import RunStatus

_STORED_DIGESTS = sa.select(blobs.c.digest).where(blobs.c.codec.not_in((TOMBSTONE, MANIFEST)))
_STORED_BLOB = (
    sa.select(*STORED_COLUMNS)
    .select_from(blobs.outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest))
    .where(blobs.c.digest == sa.bindparam("wanted", type_=blobs.c.digest.type), blobs.c.codec != TOMBSTONE)
)
_USES = (
    sa.select(artifacts.c.digest, runs.c.id, runs.c.runbook_name, artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .order_by(runs.c.id, artifacts.c.artifact_id)
)
_UNFINISHED_USES = _USES.where(runs.c.status.in_((RunStatus.RUNNING.value, RunStatus.QUEUED.value))).limit(1)


def find_contents(engine: sa.Engine, texts: Collection[str]) -> Sequence[ErasableContent]:
    """Return the contents and parts that contain one of the texts; one of them at a time is in memory."""
    wanted = [text_in_json(text) for text in texts]
    digests = (row.digest for page in keyset_pages(engine, _STORED_DIGESTS, blobs.c.digest) for row in page)
    return _describe(engine, (digest for digest in digests if _contains(engine, digest, wanted)))


def contents_of_run(engine: sa.Engine, run_id: str, artifact_id: str | None = None) -> Sequence[ErasableContent]:
    """Return the contents of a run, or of one artifact of it."""
    query = sa.select(artifacts.c.digest).distinct()
    query = query.where(artifacts.c.run_number == run_number_of(run_id), *HAS_CONTENT)
    if artifact_id is not None:
        query = query.where(artifacts.c.artifact_id == artifact_id)
    with engine.connect() as connection:
        digests = [str(digest) for digest in connection.scalars(query)]
    return _describe(engine, digests)


def erase(engine: sa.Engine, digests: Collection[str], *, reason: str, actor: str) -> int:
    """Erase contents or parts of contents in short transactions; return how many of them were stored.

    Erasing a content in parts erases all its parts. A content with an erased part is erased too, wherever it is kept.
    """
    with engine.connect() as connection:
        own = {part.digest for _, manifest in manifests_of(connection, digests) for part in manifest.parts}
    parts, erased = {*digests, *own}, set[str]()
    remaining = set(parts)
    while True:
        with engine.connect() as connection:  # also those that were saved while others were erased
            holders = {digest for digest, manifest in kept_manifests(connection) if digests_in(manifest) & parts}
        if not holders and not remaining:
            break
        for batch in (*batched(sorted(holders)), *batched(sorted(remaining - holders))):
            with writing(engine) as connection:
                erased |= _erase_batch(connection, batch, reason=reason, actor=actor, at=database_now(connection))
        remaining = set()
    collect_garbage(engine, actor=actor)  # the other parts of the contents that are erased because of one part
    with writing(engine) as connection:
        forget_results_without_parts(connection)
    truncate_wal(engine)
    return len(erased & set(digests))


def _contains(engine: sa.Engine, digest: str, wanted: Sequence[str]) -> bool:
    subject = f"the content {digest}"
    with engine.connect() as connection:
        row = connection.execute(_STORED_BLOB, {"wanted": digest}).first()
        if row is None:  # deleted since its digest was read
            return False
        blob = read(connection, row, subject=subject).decrypted(keyring_of(engine), subject=subject)
    for piece in blob.pieces(subject=subject):
        text = piece.decode().casefold()  # a piece ends between two items, never within a text
        if any(wanted_text in text for wanted_text in wanted):
            return True
    return False


def _describe(engine: sa.Engine, digests: Iterable[str]) -> Sequence[ErasableContent]:
    found = list(digests)
    with engine.connect() as connection:
        holders = _holders(connection, found)
        sizes, uses = _sizes_and_uses(connection, set(found).union(*holders.values()))
    described = []
    for digest in found:
        holding = {use for holder in (digest, *holders[digest]) for use in uses.get(holder, ())}
        in_order = sorted(holding, key=lambda use: (use.run_id, use.artifact_id))
        described.append(ErasableContent(digest, sizes[digest], in_order))
    return described


def _holders(connection: sa.Connection, digests: Collection[str]) -> dict[str, set[str]]:
    """By digest: the contents in parts that share a part with it, or of which it is a part."""
    parts = {digest: {digest} for digest in digests}
    for digest, manifest in manifests_of(connection, digests):
        parts[digest] = {part.digest for part in manifest.parts}
    holders: dict[str, set[str]] = {digest: set() for digest in digests}
    for holder, manifest in kept_manifests(connection) if digests else ():
        held = digests_in(manifest)
        for digest, own in parts.items():
            if not held.isdisjoint(own):
                holders[digest].add(holder)
    return holders


def _sizes_and_uses(
    connection: sa.Connection, digests: Collection[str]
) -> tuple[dict[str, int], dict[str, list[ContentUse]]]:
    sizes: dict[str, int] = {}
    uses: dict[str, list[ContentUse]] = {}
    for batch in batched(sorted(digests)):
        query = sa.select(blobs.c.digest, blobs.c.size).where(blobs.c.digest.in_(batch))
        sizes |= {row.digest: row.size for row in connection.execute(query)}
        for row in connection.execute(_USES.where(holds_any_of(batch))):
            uses.setdefault(row.digest, []).append(ContentUse(row.id, row.runbook_name, row.artifact_id))
    return sizes, uses


def _erase_batch(
    connection: sa.Connection, digests: Sequence[str], *, reason: str, actor: str, at: datetime
) -> set[str]:
    query = sa.select(blobs.c.digest).where(blobs.c.digest.in_(digests), blobs.c.codec != TOMBSTONE)
    # Lock the rows first, so that no run can save a reference to one of them after the check for unfinished runs.
    stored = [str(digest) for digest in connection.scalars(query.order_by(blobs.c.digest).with_for_update())]
    unfinished = connection.execute(_UNFINISHED_USES.where(holds_any_of(stored))).first()
    if unfinished is not None:
        raise RunError(
            f"The run {unfinished.id} is unfinished, and its '{unfinished.artifact_id}' holds content to erase",
            remedy="Wait for it, or cancel it with `waivern cancel`",
        )
    if not stored:
        return set()
    erased = {"pruned_at": at, "pruned_because": f"erased: {reason}"}
    connection.execute(sa.update(artifacts).where(holds_any_of(stored)), erased)
    release_parts(connection, stored)
    write_tombstones(connection, stored)
    forget_results(connection, stored)
    connection.execute(sa.delete(gc_candidates).where(gc_candidates.c.digest.in_(stored)))
    body: dict[str, Any] = {"digests": stored, "reason": reason}
    event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_ERASED, body=body, at=at)
    return set(stored)
