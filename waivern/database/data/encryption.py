"""The keys of stored content: which are in use, encrypting unencrypted content, and key rotation."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.blob import ENCRYPTED_CODECS, MANIFEST, TOMBSTONE, Blob
from waivern.database.blobs.blob_store import STORED_BYTES, overwrite
from waivern.database.blobs.key_check import refuse_unknown_keys
from waivern.database.connection.batches import keyset_pages
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.connection.keyring import KeyRing, WrappedKey
from waivern.database.connection.sqlite_file import enable_secure_delete, truncate_wal
from waivern.database.events import event_rows
from waivern.database.schema.tables import blob_keys, blobs, part_results
from waivern.errors import EncryptionError
from waivern.history.events import EventKind
from waivern.history.retention import EncryptionStatus, KeyUsage, RotationResult

_ROTATION_BATCH = 500
_ENCRYPTION_BATCH = 20  # contents of one transaction are in memory together, and may be large
_COUNT_BY_KEY = sa.select(blob_keys.c.key_id, sa.func.count()).group_by(blob_keys.c.key_id).order_by(blob_keys.c.key_id)
_COUNT_BY_CODEC = sa.select(blobs.c.codec, sa.func.count()).group_by(blobs.c.codec)
_NOT_PLAIN = (TOMBSTONE, MANIFEST, *ENCRYPTED_CODECS)  # a manifest holds nothing of the content
_IS_UNENCRYPTED = blobs.c.codec.not_in(_NOT_PLAIN)
_REPLACE_KEY = sa.update(blob_keys).where(
    blob_keys.c.digest == sa.bindparam("of_digest", type_=blob_keys.c.digest.type),
    blob_keys.c.key_id == sa.bindparam("before"),
)


def encryption_status(engine: sa.Engine) -> EncryptionStatus:
    """Return which keys are in use, and how many contents are not encrypted."""
    keys = keyring_of(engine)
    current = None if keys.current is None else keys.current.id
    with engine.connect() as connection:
        by_key = {str(key_id): int(count) for key_id, count in connection.execute(_COUNT_BY_KEY)}
        by_codec = {str(codec): int(count) for codec, count in connection.execute(_COUNT_BY_CODEC)}
    counts = {**by_key, **{key_id: by_key.get(key_id, 0) for key_id in keys.ids}}
    return EncryptionStatus(
        [KeyUsage(key_id, count, keys.knows(key_id), key_id == current) for key_id, count in counts.items()],
        unencrypted=sum(count for codec, count in by_codec.items() if codec not in _NOT_PLAIN),
        tombstones=by_codec.get(TOMBSTONE, 0),
    )


def rotate_keys(engine: sa.Engine, *, actor: str) -> RotationResult:
    """Encrypt every data key under the current key, a page of keys in one transaction."""
    keys, rotated = keyring_of(engine), 0
    outdated = sa.select(blob_keys).where(blob_keys.c.key_id != _current_key_id(keys))
    for page in keyset_pages(engine, outdated, blob_keys.c.digest, _ROTATION_BATCH):
        available = [row for row in page if keys.knows(row.key_id)]
        if available:
            rotated += _rotate_page(engine, keys, available, actor=actor)
    _forget_results(engine, part_results.c.key_id != _current_key_id(keys))
    unavailable = {key.key_id: key.contents for key in encryption_status(engine).keys if not key.is_available}
    return RotationResult(rotated, unavailable)


def encrypt_contents(engine: sa.Engine, *, actor: str) -> int:
    """Encrypt unencrypted contents, a page of them in one transaction; return how many."""
    keys, encrypted = keyring_of(engine), 0
    _current_key_id(keys)
    with engine.connect() as connection:
        refuse_unknown_keys(connection)
    unencrypted = sa.select(blobs.c.digest).where(_IS_UNENCRYPTED)
    for page in keyset_pages(engine, unencrypted, blobs.c.digest, _ENCRYPTION_BATCH):
        encrypted += _encrypt_page(engine, keys, [row.digest for row in page], actor=actor)
    _forget_results(engine, part_results.c.key_id.is_(None))
    truncate_wal(engine)
    return encrypted


def _forget_results(engine: sa.Engine, which: "sa.ColumnElement[bool]") -> None:
    """Delete remembered results, which are a cache, instead of encrypting them again."""
    with writing(engine) as connection:
        enable_secure_delete(connection)
        connection.execute(sa.delete(part_results).where(which))


def _current_key_id(keys: KeyRing) -> str:
    if keys.current is None:
        raise EncryptionError(
            "There is no key to encrypt with",
            remedy="Set WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE; `waivern keys new` creates a key",
        )
    return keys.current.id


def _rotate_page(engine: sa.Engine, keys: KeyRing, rows: Sequence[Any], *, actor: str) -> int:
    changes = []
    for row in rows:
        key = _rewrap(keys, row)
        changes.append({"of_digest": row.digest, "before": row.key_id, "key_id": key.key_id, "wrapped": key.wrapped})
    with writing(engine) as connection:
        connection.execute(_REPLACE_KEY, changes)
        before = sorted({row.key_id for row in rows})
        body = {"key": _current_key_id(keys), "before": before, "contents": len(rows)}
        at = database_now(connection)
        event_rows.append(connection, actor=actor, kind=EventKind.KEYS_ROTATED, body=body, at=at)
    return len(rows)


def _rewrap(keys: KeyRing, row: Any) -> WrappedKey:
    subject = f"the content {row.digest}"
    try:
        data_key = keys.unwrap(WrappedKey(row.key_id, row.wrapped), digest=row.digest, subject=subject)
    except ValueError as error:
        raise EncryptionError(
            f"The key of {subject} cannot be decrypted: {error}", remedy="Restore the database from a backup"
        ) from None
    return keys.wrap(data_key, digest=row.digest)


def _encrypt_page(engine: sa.Engine, keys: KeyRing, digests: Sequence[str], *, actor: str) -> int:
    columns = (blobs.c.digest, blobs.c.codec, blobs.c.size, STORED_BYTES.label("data"))
    # Read again under the rows' locks: a blob may have been encrypted or deleted since its digest was read.
    query = sa.select(*columns).where(blobs.c.digest.in_(digests), _IS_UNENCRYPTED)
    with writing(engine) as connection:
        enable_secure_delete(connection)
        rows = connection.execute(query.order_by(blobs.c.digest).with_for_update()).all()
        for row in rows:
            overwrite(connection, Blob(row.digest, row.codec, row.size, row.data).encrypted(keys))
        body = {"key": _current_key_id(keys), "digests": [row.digest for row in rows]}
        at = database_now(connection)
        event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_ENCRYPTED, body=body, at=at)
    return len(rows)
