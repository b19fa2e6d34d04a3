"""Verifying contents: each has its digest and its size, and none is gone that somebody keeps."""

import zlib
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.blob import TOMBSTONE, Blob
from waivern.database.connection.engine import keyring_of
from waivern.database.connection.keyring import KeyRing, WrappedKey
from waivern.database.connection.stored_values import as_stored
from waivern.database.retention.retention_rules import HAS_CONTENT
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, runs
from waivern.database.verification.chain_checks import rows_of
from waivern.errors import CorruptArtifactError, EncryptionError
from waivern.history.proof import plain
from waivern.history.verification import Part, Progress, Verification

_ROOM = 32  # rows at a time: each may be large
_BLOBS = (
    sa.select(*map(as_stored, blobs.columns), blob_keys.c.key_id, blob_keys.c.wrapped)
    .outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest)
    .order_by(blobs.c.digest)
)
_GONE = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .outerjoin(blobs, blobs.c.digest == artifacts.c.digest)
    .where(*HAS_CONTENT, sa.or_(blobs.c.digest.is_(None), blobs.c.codec == TOMBSTONE))
    .order_by(artifacts.c.run_number, artifacts.c.artifact_id)
)

_HOLDERS = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .where(artifacts.c.digest == sa.bindparam("of_digest", type_=artifacts.c.digest.type))
    .order_by(artifacts.c.run_number, artifacts.c.artifact_id)
)


def check_blobs(connection: sa.Connection, found: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Check every content, or those of one run."""
    wanted, gone, keys = _BLOBS, _GONE, keyring_of(connection)
    if run_id is not None:
        is_of_run = artifacts.c.run_number == run_number_of(run_id)
        of_run = sa.select(artifacts.c.digest).where(is_of_run)
        wanted, gone = wanted.where(blobs.c.digest.in_(of_run)), gone.where(is_of_run)
    for row in rows_of(connection, wanted, at_once=_ROOM):
        why = _why_damaged(row, keys, found)
        if why is not None:
            _report(connection, str(plain(row.digest)), why, found)
        found.counts["contents"] += 1
        progress("contents", found.counts["contents"])
    for row in connection.execute(gone):
        name = f"content of artifact '{row.artifact_id}' of run {row.run_id}"
        why = "it is gone, and nobody let it go"
        found.report(Part.CONTENT, name, why, run=row.run_id, artifact_id=row.artifact_id)


def _report(connection: sa.Connection, digest: str, why: str, found: Verification) -> None:
    """Name the first of those who hold it, too; what is not told by name is not looked for either."""
    holders = connection.execute(_HOLDERS, {"of_digest": digest}).all() if found.names_more else []
    if not holders:
        found.report(Part.CONTENT, f"content {digest}", why)
        return
    first = holders[0]
    others = f" and of {len(holders) - 1:,} more" if len(holders) > 1 else ""
    name = f"content {digest} of artifact '{first.artifact_id}' of run {first.run_id}{others}"
    found.report(Part.CONTENT, name, why, run=first.run_id, artifact_id=first.artifact_id)


def _why_damaged(row: Any, keys: KeyRing, found: Verification) -> str | None:
    """Say why a content does not fit; None where it does."""
    data = row.data if row.chunked_data is None else row.chunked_data
    if row.chunked_data is not None and row.data:
        return "its bytes are there twice"
    if not isinstance(data, bytes) or row.stored_size != len(data):
        return "its bytes are not as many as were stored"
    if row.checksum is not None and row.checksum != zlib.crc32(data):
        return "its bytes are not those that were stored: their checksum is another"
    if row.codec == TOMBSTONE:
        found.pruned += 1
        return "it counts as pruned, and has bytes" if data else None
    return _why_not_its_digest(row, data, keys, found)


def _why_not_its_digest(row: Any, data: bytes, keys: KeyRing, found: Verification) -> str | None:
    digest = str(plain(row.digest))
    key = None if row.key_id is None else WrappedKey(row.key_id, bytes(row.wrapped))
    what = f"content {digest}"
    try:
        Blob(digest, row.codec, row.size, data, key).decrypted(keys, subject=what).check(subject=what)
    except EncryptionError:
        found.sealed += 1
    except (CorruptArtifactError, OverflowError, ValueError, TypeError) as error:
        return str(error)
    else:
        found.counts["bytes"] += row.size
    return None
