"""Store and read blobs: content under its SHA-256, shared by all artifacts that hold it."""

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
import zstandard

from waivern.database.blobs import large_blobs
from waivern.database.blobs.blob import ENCRYPTED_CODECS, TOMBSTONE, Blob, corrupt
from waivern.database.blobs.framing import FramedBytes, read_frames
from waivern.database.connection.engine import keyring_of
from waivern.database.connection.inserts import insert_ignore
from waivern.database.connection.keyring import WrappedKey
from waivern.database.schema.tables import blob_keys, blobs, gc_candidates
from waivern.messages.frames import FrameBuffer

NO_BYTES = {"stored_size": 0, "data": b"", "checksum": 0, "chunked_data": None}
"""The byte columns of a tombstone."""

LARGE_BLOB_BYTES = 16 * 1024 * 1024
"""Stored size from which a blob is written and read in chunks."""

STORED_BYTES = sa.func.coalesce(blobs.c.chunked_data, blobs.c.data, type_=sa.LargeBinary)
"""A blob's bytes, whichever column holds them."""

STORED_COLUMNS = (
    *(blobs.c[name] for name in ("digest", "codec", "size", "stored_size")),
    sa.case((blobs.c.stored_size < LARGE_BLOB_BYTES, STORED_BYTES)).label("data"),
    sa.case((blobs.c.chunked_data.is_(None), "data"), else_="chunked_data").label("bytes_column"),
    blob_keys.c.key_id,
    blob_keys.c.wrapped,
)
"""The columns that `read` takes: a blob's, with its bytes unless it is large, and its key's if it is encrypted."""


def read(connection: sa.Connection, row: Any, *, subject: str) -> Blob:
    """Return the blob of a row of `STORED_COLUMNS`.

    Raises:
        CorruptArtifactError: the bytes are not framed correctly; `subject` names their owner in the message.
    """
    if row.data is not None:
        return _blob_of_row(row, row.data)
    try:
        with large_blobs.reader(connection, row.digest, blobs.c[row.bytes_column]) as read_at:
            if row.codec != "zstd-parts":
                return _blob_of_row(row, read_at(0, row.stored_size))
            return _blob_of_row(row, FramedBytes(FrameBuffer(read_frames(read_at, row.stored_size))))
    except (struct.error, ValueError, zstandard.ZstdError) as error:
        raise corrupt(subject, f"it cannot be decompressed ({error})") from error


def exists(connection: sa.Connection, digest: str) -> bool:
    """Return whether the content is stored."""
    return connection.execute(_EXISTS, {"wanted": digest, "tombstone": TOMBSTONE}).first() is not None


def store(connection: sa.Connection, blob: Blob) -> None:
    """Store a blob unless its digest is stored already; a tombstone gets its content back."""
    if _write(connection, insert_ignore(connection, blobs), blob, digest=blob.digest):
        _store_key(connection, blob)
    else:
        protect(connection, blob.digest, lambda: blob)


def store_many(connection: sa.Connection, new: Sequence[Blob]) -> None:
    """Store blobs that are probably not stored yet, sorted by digest; the effect is that of `store` for each."""
    small = [blob for blob in new if len(blob.data) < LARGE_BLOB_BYTES]
    rows = [{**_columns(blob), **_bytes_columns(bytes(blob.data)), "digest": blob.digest} for blob in small]
    inserted = set(connection.scalars(insert_ignore(connection, blobs).returning(blobs.c.digest), rows)) if rows else ()
    keys = [
        {"digest": blob.digest, "key_id": blob.key.key_id, "wrapped": blob.key.wrapped}
        for blob in small
        if blob.key is not None and blob.digest in inserted
    ]
    if keys:
        connection.execute(sa.insert(blob_keys), keys)
    for blob in new:
        if blob.digest not in inserted:
            store(connection, blob)


def protect(connection: sa.Connection, digest: str, build_blob: Callable[[], Blob]) -> None:
    """Protect an existing blob from garbage collection until this transaction commits a reference to it.

    The row's lock comes first, and the candidate is removed under it: a collector either waits for this transaction and
    then finds no candidate, or it has written a tombstone before. In that case the content is stored again, as it is
    if it is encrypted under a key that is not available here.

    Transactions that save the same content share the lock. A tombstone is locked exclusively at once: two that held a
    shared lock would each wait for the other before they could overwrite it.
    """
    parameters = {"wanted": digest, "tombstone": TOMBSTONE}
    codec = connection.execute(_LOCK_CONTENT, parameters).scalar_one_or_none()
    if codec is None:
        codec = connection.execute(_LOCK_TOMBSTONE, parameters).scalar_one()
    connection.execute(_DELETE_CANDIDATE, {"wanted": digest})
    if codec == TOMBSTONE or (codec in ENCRYPTED_CODECS and not _is_key_available(connection, digest)):
        overwrite(connection, build_blob())


def overwrite(connection: sa.Connection, blob: Blob) -> None:
    """Replace the bytes and the key that are stored for the blob's digest."""
    _write(connection, _UPDATE, blob, wanted=blob.digest)
    connection.execute(_DELETE_KEY, {"wanted": blob.digest})
    _store_key(connection, blob)


def _blob_of_row(row: Any, data: bytes | FramedBytes) -> Blob:
    key = None if row.key_id is None else WrappedKey(row.key_id, bytes(row.wrapped))
    return Blob(row.digest, row.codec, row.size, data, key)


def _store_key(connection: sa.Connection, blob: Blob) -> None:
    if blob.key is not None:
        row = {"digest": blob.digest, "key_id": blob.key.key_id, "wrapped": blob.key.wrapped}
        connection.execute(sa.insert(blob_keys), row)


def _is_key_available(connection: sa.Connection, digest: str) -> bool:
    key_id = connection.execute(_KEY_ID, {"wanted": digest}).scalar_one_or_none()
    return key_id is not None and keyring_of(connection).knows(key_id)


def _write(connection: sa.Connection, statement: Any, blob: Blob, **key: str) -> bool:
    """Write a blob's columns; return whether a row was inserted or updated."""
    columns = {**_columns(blob), **key}
    if len(blob.data) >= LARGE_BLOB_BYTES and connection.dialect.name == "sqlite":
        checksum = blob.data.checksum if isinstance(blob.data, FramedBytes) else zlib.crc32(blob.data)
        zeros = {"data": b"", "zeros": len(blob.data), "checksum": checksum}
        was_written = connection.execute(statement.values(chunked_data=_ZEROS), {**columns, **zeros}).rowcount == 1
        if was_written:
            large_blobs.write(connection, blob.digest, blob.data)
        return bool(was_written)
    return bool(connection.execute(statement, {**columns, **_bytes_columns(bytes(blob.data))}).rowcount == 1)


def _columns(blob: Blob) -> dict[str, Any]:
    return {"codec": blob.codec, "size": blob.size, "stored_size": len(blob.data)}


def _bytes_columns(data: bytes) -> dict[str, Any]:
    return {"data": data, "checksum": zlib.crc32(data), "chunked_data": None}


_ZEROS = sa.func.zeroblob(sa.bindparam("zeros", type_=sa.Integer))
_HAS_DIGEST = blobs.c.digest == sa.bindparam("wanted")
_EXISTS = sa.select(blobs.c.size).where(_HAS_DIGEST, blobs.c.codec != sa.bindparam("tombstone"))
_LOCK_CONTENT = (
    sa.select(blobs.c.codec)
    .where(_HAS_DIGEST, blobs.c.codec != sa.bindparam("tombstone"))
    .with_for_update(read=True)  # a row that does not fulfil the condition is not locked
)
_LOCK_TOMBSTONE = sa.select(blobs.c.codec).where(_HAS_DIGEST).with_for_update()
_UPDATE = sa.update(blobs).where(_HAS_DIGEST).execution_options(preserve_rowcount=True)
_DELETE_CANDIDATE = sa.delete(gc_candidates).where(gc_candidates.c.digest == sa.bindparam("wanted"))
_KEY_ID = sa.select(blob_keys.c.key_id).where(blob_keys.c.digest == sa.bindparam("wanted"))
_DELETE_KEY = sa.delete(blob_keys).where(blob_keys.c.digest == sa.bindparam("wanted"))
