"""Verifying contents: each has its digest and its size, and none is gone that somebody keeps."""

import zlib
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs import EMPTY, Blob
from waivern.database.chain_checks import rows_of
from waivern.database.engine import keys_of
from waivern.database.keyring import KeyRing, WrappedKey
from waivern.database.retention import KEPT
from waivern.database.stored_values import as_stored
from waivern.database.tables import artifacts, blob_keys, blobs
from waivern.errors import CorruptArtifactError, EncryptionError
from waivern.history.proof import plain
from waivern.history.verification import Progress, Verification

_ROOM = 32  # rows at a time: each may be large
_BLOBS = (
    sa.select(*map(as_stored, blobs.columns), blob_keys.c.key_id, blob_keys.c.wrapped)
    .outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest)
    .order_by(blobs.c.digest)
)
_GONE = (
    sa.select(artifacts.c.run_id, artifacts.c.artifact_id)
    .outerjoin(blobs, blobs.c.digest == artifacts.c.digest)
    .where(*KEPT, sa.or_(blobs.c.digest.is_(None), blobs.c.codec == EMPTY))
    .order_by(artifacts.c.run_id, artifacts.c.position)
)


def check_blobs(connection: sa.Connection, found: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Check every content, or those of one run."""
    wanted, gone, keys = _BLOBS, _GONE, keys_of(connection)
    if run_id is not None:
        of_run = sa.select(artifacts.c.digest).where(artifacts.c.run_id == run_id)
        wanted, gone = wanted.where(blobs.c.digest.in_(of_run)), gone.where(artifacts.c.run_id == run_id)
    for row in rows_of(connection, wanted, at_once=_ROOM):
        _check_blob(row, keys, found)
        found.counts["contents"] += 1
        progress("contents", found.counts["contents"])
    for row in connection.execute(gone):
        found.report(f"artifact '{row.artifact_id}' of run {row.run_id}", "its content is gone, and nobody let it go")


def _check_blob(row: Any, keys: KeyRing, found: Verification) -> None:
    name, data = f"content {plain(row.digest)}", row.data
    if not isinstance(data, bytes) or row.stored_size != len(data):
        found.report(name, "its bytes are not as many as were stored")
    elif row.checksum is not None and row.checksum != zlib.crc32(data):
        found.report(name, "its bytes are not those that were stored: their checksum is another")
    elif row.codec == EMPTY:
        found.pruned += 1
        if data:
            found.report(name, "it counts as pruned, and has bytes")
    else:
        _check_content(name, row, keys, found)


def _check_content(name: str, row: Any, keys: KeyRing, found: Verification) -> None:
    key = None if row.key_id is None else WrappedKey(row.key_id, bytes(row.wrapped))
    blob = Blob(str(plain(row.digest)), row.codec, row.size, row.data, key)
    try:
        blob.opened(keys, what=name).check(what=name)
    except EncryptionError:
        found.sealed += 1
    except (CorruptArtifactError, OverflowError, ValueError, TypeError) as error:
        found.report(name, str(error))
    else:
        found.counts["bytes"] += row.size
