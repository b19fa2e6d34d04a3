"""What part-wise analysers found in parts: a cache, from which a row may be missing at any time."""

import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
import zstandard

from waivern.components.partwise import PartResults
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.blobs.framing import decompress
from waivern.database.connection.batches import batched
from waivern.database.connection.engine import keyring_of, writing
from waivern.database.connection.inserts import insert_ignore, upsert
from waivern.database.connection.keyring import KeyRing, WrappedKey
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.schema.tables import blobs, part_result_kinds, part_results
from waivern.errors import EncryptionError
from waivern.messages.canonical import compress
from waivern.runs.run import utc_now

KEPT_UNUSED = timedelta(days=90)
"""How long results are kept that no run has used."""

_REFRESHED_AFTER = timedelta(days=7)
_BATCH = 500
_MIN_COMPRESSED_BYTES = 256
_MAX_RESULT_BYTES = 1 << 28
_CODEC = "part-result"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no JSON begins with "("

_KIND = sa.select(part_result_kinds.c.id).where(part_result_kinds.c.digest == sa.bindparam("wanted"))
_OF_PARTS = (
    part_results.c.kind_id == sa.bindparam("of_kind"),
    part_results.c.part.in_(sa.bindparam("of", expanding=True)),
)
_FOUND = sa.select(part_results).where(*_OF_PARTS)
_REFRESH = sa.update(part_results).where(*_OF_PARTS)
_STORED = sa.select(blobs.c.digest).where(
    blobs.c.digest.in_(sa.bindparam("wanted", expanding=True)), blobs.c.codec != TOMBSTONE
)


class SqlPartResults(PartResults):
    """Results in the database, encrypted if contents are."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._kinds: dict[str, int] = {}

    def find(self, key: str, parts: Collection[str]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        outdated: list[str] = []
        refreshed_before = _today() - _REFRESHED_AFTER
        with self._engine.connect() as connection:
            kind = self._kind(connection, key)
            for batch in batched(sorted(parts), _BATCH) if kind is not None else ():
                for row in connection.execute(_FOUND, {"of_kind": kind, "of": batch}):
                    result = _result_of(row, key, keyring_of(self._engine))
                    if result is not None:
                        found[row.part] = result
                        outdated += [row.part] if row.used_on < refreshed_before else []
        if outdated and kind is not None:
            self._write(lambda connection: _refresh(connection, kind, outdated))
        return found

    def remember(self, key: str, results: Mapping[str, bytes]) -> None:
        rows = list(_rows(key, results, keyring_of(self._engine)))
        self._write(lambda connection: self._insert(connection, key, rows))

    def _write(self, write: Any) -> None:
        def transaction() -> None:
            with writing(self._engine) as connection:
                write(connection)

        retry_on_conflict(transaction)

    def _insert(self, connection: sa.Connection, key: str, rows: Collection[Mapping[str, Any]]) -> None:
        kind = self._kind(connection, key)
        if kind is None:
            connection.execute(insert_ignore(connection, part_result_kinds), {"digest": key})
            kind = connection.execute(_KIND, {"wanted": key}).scalar_one()
        for batch in batched(rows, _BATCH):
            stored = set(connection.scalars(_STORED, {"wanted": [row["part"] for row in batch]}))
            new = [{**row, "kind_id": kind} for row in batch if row["part"] in stored]
            if new:
                connection.execute(upsert(connection, part_results), new)

    def _kind(self, connection: sa.Connection, key: str) -> int | None:
        if key not in self._kinds:
            kind = connection.execute(_KIND, {"wanted": key}).scalar_one_or_none()
            if kind is None:
                return None
            self._kinds[key] = kind
        return self._kinds[key]


def forget_results(connection: sa.Connection, parts: Collection[str]) -> None:
    """Delete all results of these parts."""
    for batch in batched(sorted(parts), _BATCH):
        connection.execute(sa.delete(part_results).where(part_results.c.part.in_(batch)))


def forget_results_without_parts(connection: sa.Connection) -> None:
    """Delete the results that stayed when their parts were deleted."""
    is_stored = sa.exists().where(blobs.c.digest == part_results.c.part, blobs.c.codec != TOMBSTONE)
    connection.execute(sa.delete(part_results).where(~is_stored))


def forget_unused_results(engine: sa.Engine) -> None:
    """Delete the results that no run has used for `KEPT_UNUSED`."""
    unused = part_results.c.used_on < _today() - KEPT_UNUSED
    with engine.connect() as connection:
        if connection.execute(sa.select(part_results.c.part).where(unused).limit(1)).first() is None:
            return
    with writing(engine) as connection:
        connection.execute(sa.delete(part_results).where(unused))


def _refresh(connection: sa.Connection, kind: int, parts: Collection[str]) -> None:
    for batch in batched(sorted(parts), _BATCH):
        connection.execute(_REFRESH, {"of_kind": kind, "of": batch, "used_on": _today()})


def _rows(key: str, results: Mapping[str, bytes], keys: KeyRing) -> Iterator[dict[str, Any]]:
    for part, result in sorted(results.items()):
        smaller = compress(result) if len(result) >= _MIN_COMPRESSED_BYTES else result
        data = min(smaller, result, key=len)
        row: dict[str, Any] = {"part": part, "used_on": _today(), "key_id": None, "wrapped": None}
        if keys.current is not None:
            data, wrapped = keys.encrypt(data, digest=part, codec=_CODEC + key)
            row |= {"key_id": wrapped.key_id, "wrapped": wrapped.wrapped}
        yield {**row, "result": data, "checksum": zlib.crc32(data)}


def _result_of(row: Any, key: str, keys: KeyRing) -> bytes | None:
    """Return a result; None if it is damaged, or encrypted under a key that is not available."""
    data = bytes(row.result)
    if zlib.crc32(data) != row.checksum or (row.key_id is None) != (keys.current is None):
        return None
    try:
        if row.key_id is not None:
            wrapped = WrappedKey(row.key_id, bytes(row.wrapped))
            data = keys.decrypt(data, wrapped, digest=row.part, codec=_CODEC + key, subject="a remembered result")
        return decompress(data, limit=_MAX_RESULT_BYTES) if data.startswith(_ZSTD_MAGIC) else data
    except (ValueError, EncryptionError, zstandard.ZstdError):
        return None


def _today() -> date:
    return utc_now().date()
