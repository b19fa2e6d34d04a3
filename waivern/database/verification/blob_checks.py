"""Verify contents: each has its digest and size, and none is missing that an artifact keeps."""

import zlib
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.blob import ENCRYPTED_CODECS, MANIFEST, TOMBSTONE, Blob
from waivern.database.connection.batches import batched
from waivern.database.connection.engine import keyring_of
from waivern.database.connection.keyring import KeyRing, WrappedKey
from waivern.database.connection.stored_values import as_stored
from waivern.database.retention.live_parts import manifests_of
from waivern.database.retention.retention_rules import HAS_CONTENT
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, runs
from waivern.database.verification.chain_checks import rows_of
from waivern.errors import CorruptArtifactError, EncryptionError
from waivern.history.merkle import hashable
from waivern.history.verification import Progress, RecordKind, Verification

_PAGE = 32  # each row may be large
_BLOBS = (
    sa.select(*map(as_stored, blobs.columns), blob_keys.c.key_id, blob_keys.c.wrapped)
    .outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest)
    .order_by(blobs.c.digest)
)
_KEPT_MANIFESTS = (
    sa.select(artifacts.c.digest)
    .distinct()
    .join(blobs, blobs.c.digest == artifacts.c.digest)
    .where(*HAS_CONTENT, blobs.c.codec == MANIFEST)
)
_SIZES = sa.select(blobs.c.digest, blobs.c.size).where(blobs.c.codec != TOMBSTONE)
_MISSING = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .outerjoin(blobs, blobs.c.digest == artifacts.c.digest)
    .where(*HAS_CONTENT, sa.or_(blobs.c.digest.is_(None), blobs.c.codec == TOMBSTONE))
    .order_by(artifacts.c.run_number, artifacts.c.artifact_id)
)
_WITHOUT_TOMBSTONE = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .outerjoin(blobs, blobs.c.digest == artifacts.c.digest)
    .where(artifacts.c.digest.is_not(None), artifacts.c.pruned_at.is_not(None), blobs.c.digest.is_(None))
    .order_by(artifacts.c.run_number, artifacts.c.artifact_id)
)
_HOLDERS = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .where(artifacts.c.digest == sa.bindparam("wanted_digest", type_=artifacts.c.digest.type))
    .order_by(artifacts.c.run_number, artifacts.c.artifact_id)
)


def check_blobs(connection: sa.Connection, result: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Verify every content with its parts, or those of one run."""
    stored, missing, without_tombstone = _BLOBS, _MISSING, _WITHOUT_TOMBSTONE
    if run_id is not None:
        is_of_run = artifacts.c.run_number == run_number_of(run_id)
        stored = stored.where(blobs.c.digest.in_(sa.select(artifacts.c.digest).where(is_of_run)))
        missing, without_tombstone = missing.where(is_of_run), without_tombstone.where(is_of_run)
    _check_stored(connection, stored, result, progress)
    _check_parts(connection, result, progress, run_id=run_id)
    for query, problem in (
        (missing, "it is missing, but was never pruned or erased"),
        (without_tombstone, "it was deleted, but its digest and size are missing too"),
    ):
        for row in connection.execute(query):
            name = f"content of artifact '{row.artifact_id}' of run {row.run_id}"
            result.report(RecordKind.CONTENT, name, problem, run=row.run_id, artifact_id=row.artifact_id)


def _check_stored(
    connection: sa.Connection, stored: "sa.Select[Any]", result: Verification, progress: Progress
) -> None:
    keys = keyring_of(connection)
    for row in rows_of(connection, stored, page=_PAGE):
        problem = _problem_of(row, keys, result)
        if problem is not None:
            _report(connection, str(hashable(row.digest)), problem, result)
        result.counts["contents"] += 1
        progress("contents", result.counts["contents"])


def _check_parts(connection: sa.Connection, result: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Verify that the parts of contents in parts are stored, with their sizes; those of one run are verified here."""
    is_of_run = sa.true() if run_id is None else artifacts.c.run_number == run_number_of(run_id)
    seen: dict[str, int] = {}
    for digest in connection.scalars(_KEPT_MANIFESTS.where(is_of_run)).all():
        try:
            ((_, manifest),) = manifests_of(connection, [digest])
        except CorruptArtifactError:
            continue  # reported with the contents
        wanted = {part.digest: part.size for part in (manifest.envelope, *manifest.parts)}
        new = wanted.keys() - seen.keys()
        for batch in batched(sorted(new)):
            seen |= {row.digest: row.size for row in connection.execute(_SIZES.where(blobs.c.digest.in_(batch)))}
            if run_id is not None:
                _check_stored(connection, _BLOBS.where(blobs.c.digest.in_(batch)), result, progress)
        for part_digest, size in wanted.items():
            if seen.get(part_digest) != size:
                _report(connection, digest, f"its part {part_digest} is missing or has another size", result)
                break


def _report(connection: sa.Connection, digest: str, problem: str, result: Verification) -> None:
    """Report a content with the first artifact that holds it; those that are only counted need no query."""
    holders = connection.execute(_HOLDERS, {"wanted_digest": digest}).all() if result.lists_more else []
    if not holders:
        result.report(RecordKind.CONTENT, f"content {digest}", problem)
        return
    first = holders[0]
    others = f" and of {len(holders) - 1:,} more" if len(holders) > 1 else ""
    name = f"content {digest} of artifact '{first.artifact_id}' of run {first.run_id}{others}"
    result.report(RecordKind.CONTENT, name, problem, run=first.run_id, artifact_id=first.artifact_id)


def _problem_of(row: Any, keys: KeyRing, result: Verification) -> str | None:
    data = row.data if row.chunked_data is None else row.chunked_data
    if row.chunked_data is not None and row.data:
        return "its bytes are stored twice"
    if not isinstance(data, bytes) or row.stored_size != len(data):
        return "its stored size does not match its bytes"
    if row.checksum != zlib.crc32(data):
        return "its checksum does not match its bytes"
    if row.codec == TOMBSTONE:
        result.pruned += 1
        if data or row.key_id is not None:
            return "it is marked as deleted, but has bytes or a key"
        return None
    if row.key_id is not None and row.codec not in ENCRYPTED_CODECS:
        return "it has a key, but is not encrypted"
    return _digest_problem_of(row, data, keys, result)


def _digest_problem_of(row: Any, data: bytes, keys: KeyRing, result: Verification) -> str | None:
    digest = str(hashable(row.digest))
    name = f"content {digest}"
    try:
        key = None if row.key_id is None else WrappedKey(row.key_id, bytes(row.wrapped))
        Blob(digest, row.codec, row.size, data, key).decrypted(keys, subject=name).check(subject=name)
    except EncryptionError:
        result.undecryptable += 1
    except (CorruptArtifactError, OverflowError, ValueError, TypeError) as error:
        return str(error)
    else:
        result.counts["bytes"] += 0 if row.codec == MANIFEST else row.size
    return None
