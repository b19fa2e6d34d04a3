"""Looking after the keys of stored contents."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waivern.artifacts.encryption import Encryption, EncryptionStatus, KeyUse, Rotated
from waivern.database.blobs.blob import ENCRYPTED_CODECS, TOMBSTONE, Blob
from waivern.database.blobs.blob_store import STORED_BYTES, overwrite
from waivern.database.connection.batches import keyset_pages
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.connection.keyring import WrappedKey
from waivern.database.events import event_rows
from waivern.database.retention.blob_gc import enable_secure_delete, truncate_wal
from waivern.database.schema.tables import blob_keys, blobs
from waivern.errors import EncryptionError
from waivern.history.events import EventKind

_AT_ONCE = 500
_CONTENTS_AT_ONCE = 20  # they may be large, and those of one transaction are in memory together
_NUMBERS = sa.select(blob_keys.c.key_id, sa.func.count()).group_by(blob_keys.c.key_id).order_by(blob_keys.c.key_id)
_BY_CODEC = sa.select(blobs.c.codec, sa.func.count()).group_by(blobs.c.codec)
_ANY = sa.select(blob_keys.c.key_id).limit(1)
_REWRAPPED = sa.update(blob_keys).where(
    blob_keys.c.digest == sa.bindparam("of_digest", type_=blob_keys.c.digest.type),
    blob_keys.c.key_id == sa.bindparam("before"),
)


def refuse_unknown_keys(connection: sa.Connection) -> None:
    """Refuse to write contents where those that are there are encrypted, and not under a key that is known.

    Raises:
        EncryptionError: says under which they are.
    """
    keys = keyring_of(connection)
    used = connection.execute(_ANY).scalar_one_or_none()
    if used is None or keys.knows(used):
        return
    in_use = [key_id for key_id, _ in connection.execute(_NUMBERS)]
    if keys.current is None:
        raise EncryptionError(
            f"What this database holds is encrypted under the key {', '.join(in_use)}; no key is given",
            remedy="Set WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE, to that key",
        )
    if not any(map(keys.knows, in_use)):
        raise EncryptionError(
            f"What this database holds is encrypted under the key {', '.join(in_use)}; given is {', '.join(keys.ids)}",
            remedy="Give the right key; to change it, give both, the new one first, and `waivern keys rotate`",
        )


class SqlEncryption(Encryption):
    """A few hundred contents in one transaction, each with its event."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._keys = keyring_of(engine)

    def status(self) -> EncryptionStatus:
        current = None if self._keys.current is None else self._keys.current.id
        with self._engine.connect() as connection:
            numbers = {str(key_id): int(number) for key_id, number in connection.execute(_NUMBERS)}
            codecs = {str(codec): int(number) for codec, number in connection.execute(_BY_CODEC)}
        known = {**numbers, **{key_id: numbers.get(key_id, 0) for key_id in self._keys.ids}}
        return EncryptionStatus(
            [KeyUse(each, number, self._keys.knows(each), each == current) for each, number in known.items()],
            unencrypted=sum(
                number for codec, number in codecs.items() if codec != TOMBSTONE and codec not in ENCRYPTED_CODECS
            ),
            empty=codecs.get(TOMBSTONE, 0),
        )

    def rotate(self, *, actor: str) -> Rotated:
        current, done = self._current_id(), 0
        others = sa.select(blob_keys).where(blob_keys.c.key_id != current)
        for rows in keyset_pages(self._engine, others, blob_keys.c.digest, _AT_ONCE):
            known = [row for row in rows if self._keys.knows(row.key_id)]
            if known:
                done += self._rewrapped(known, actor=actor)
        return Rotated(done, {each.key_id: each.contents for each in self.status().keys if not each.is_known})

    def encrypt(self, *, actor: str) -> int:
        self._current_id()
        with self._engine.connect() as connection:
            refuse_unknown_keys(connection)
        done = 0
        plain = sa.select(blobs.c.digest).where(blobs.c.codec.not_in((TOMBSTONE, *ENCRYPTED_CODECS)))
        for rows in keyset_pages(self._engine, plain, blobs.c.digest, _CONTENTS_AT_ONCE):
            done += self._encrypted([row.digest for row in rows], actor=actor)
        truncate_wal(self._engine)
        return done

    def _current_id(self) -> str:
        if self._keys.current is None:
            raise EncryptionError(
                "No key is given to encrypt by",
                remedy="Set WAIVERN_ENCRYPTION_KEY, or WAIVERN_ENCRYPTION_KEY_FILE; `waivern keys new` makes a key",
            )
        return self._keys.current.id

    def _rewrapped(self, rows: Sequence[Any], *, actor: str) -> int:
        changes = [
            {"of_digest": row.digest, "before": row.key_id, "key_id": key.key_id, "wrapped": key.wrapped}
            for row in rows
            for key in [self._rewrap(row)]
        ]
        with writing(self._engine) as connection:
            connection.execute(_REWRAPPED, changes)
            body = {"key": self._current_id(), "before": sorted({row.key_id for row in rows}), "contents": len(rows)}
            at = database_now(connection)
            event_rows.append(connection, actor=actor, kind=EventKind.KEYS_ROTATED, body=body, at=at)
        return len(rows)

    def _rewrap(self, row: Any) -> WrappedKey:
        what = f"the content {row.digest}"
        try:
            data_key = self._keys.unwrap(WrappedKey(row.key_id, row.wrapped), digest=row.digest, subject=what)
        except ValueError as error:
            raise EncryptionError(
                f"The key of {what} cannot be unwrapped: {error}", remedy="Restore the database from a backup"
            ) from None
        return self._keys.wrap(data_key, digest=row.digest)

    def _encrypted(self, digests: Sequence[str], *, actor: str) -> int:
        columns = (blobs.c.digest, blobs.c.codec, blobs.c.size, STORED_BYTES.label("data"))
        still_plain = sa.select(*columns).where(
            blobs.c.digest.in_(digests), blobs.c.codec.not_in((TOMBSTONE, *ENCRYPTED_CODECS))
        )
        with writing(self._engine) as connection:
            enable_secure_delete(connection)
            rows = connection.execute(still_plain.order_by(blobs.c.digest).with_for_update()).all()
            for row in rows:
                overwrite(connection, Blob(row.digest, row.codec, row.size, row.data).encrypted(self._keys))
            body = {"key": self._current_id(), "digests": [row.digest for row in rows]}
            at = database_now(connection)
            event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_ENCRYPTED, body=body, at=at)
        return len(rows)
