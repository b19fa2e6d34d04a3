"""A message's content at rest: canonical JSON under its SHA-256, compressed where that pays, a large one in parts.

Where there is a key it is encrypted as well, after it was compressed.
"""

import hashlib
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
import zstandard

from waivern.database.blobs import large_blobs
from waivern.database.blobs.framing import Pieces, frames_in, own_unpacker
from waivern.database.connection.engine import keys_of
from waivern.database.connection.inserts import insert_ignore
from waivern.database.connection.keyring import NO_KEYS, KeyRing, WrappedKey
from waivern.database.schema.tables import blob_keys, blobs, gc_candidates
from waivern.errors import CorruptArtifactError, MessageError
from waivern.messages.canonical import (
    CanonicalForm,
    compressed,
    content_of,
    content_of_parts,
    digest_of,
    key_opened_by,
)
from waivern.messages.frames import Frames, FramesWithin
from waivern.messages.packed import PackedItems

EMPTY = "empty"
"""The codec of a content that was let go of: its digest and size stay, its bytes do not."""

NOTHING = {"stored_size": 0, "data": b"", "checksum": 0, "chunked_data": None}
"""The columns of an empty blob's bytes."""

SEALED = {"gcm-raw": "raw", "gcm-zstd": "zstd", "gcm-parts": "zstd-parts"}
"""The codecs of encrypted contents, and what they are when decrypted."""

_SEALED_AS = {codec: sealed for sealed, codec in SEALED.items()}
_COMPRESSED_FROM = 1024

LARGE = 16 * 1024 * 1024
"""Bytes at rest from which a blob is written and read a part at a time."""


@dataclass(frozen=True)
class Blob:
    """Bytes as they are stored; `size` is what they are worth when unpacked.

    Codecs: `raw`; `zstd`, one frame (RFC 8878); `zstd-parts`, a frame for each part of a large content, and behind them
    their lengths, see `framing`. `gcm-raw`, `gcm-zstd` and `gcm-parts` are these, encrypted, and have a `key`.
    """

    digest: str
    codec: str
    size: int
    data: bytes | Pieces
    key: WrappedKey | None = None

    @classmethod
    def of(cls, form: CanonicalForm) -> "Blob":
        """Pack a content; from 1 KB on with zstd, where that makes it smaller."""
        if form.whole is None:
            return cls(form.digest, "zstd-parts", form.size, Pieces(form.frames()))
        if form.size >= _COMPRESSED_FROM:
            packed = compressed(form.whole)
            if len(packed) < form.size:
                return cls(form.digest, "zstd", form.size, packed)
        return cls(form.digest, "raw", form.size, form.whole)

    @classmethod
    def of_row(cls, row: Any, data: bytes | Pieces) -> "Blob":
        """Return the blob of a row of `AT_REST`, whose bytes are these."""
        key = None if row.key_id is None else WrappedKey(row.key_id, bytes(row.wrapped))
        return cls(row.digest, row.codec, row.size, data, key)

    def sealed(self, keys: KeyRing) -> "Blob":
        """Return it encrypted, where there is a key to do so."""
        if keys.current is None:
            return self
        codec = _SEALED_AS[self.codec]
        data, key = keys.sealed(bytes(self.data), digest=self.digest, codec=codec)
        return replace(self, codec=codec, data=data, key=key)

    def opened(self, keys: KeyRing, *, what: str) -> "Blob":
        """Return it decrypted, if it is encrypted; raises as `content`."""
        if self.codec not in SEALED:
            return self
        try:
            data = keys.unsealed(bytes(self.data), self.key, digest=self.digest, codec=self.codec, what=what)
        except ValueError as error:
            raise _corrupt(what, f"it cannot be decrypted ({error})") from error
        return replace(self, codec=SEALED[self.codec], data=data, key=None)

    def content(self, *, what: str, keys: KeyRing = NO_KEYS) -> dict[str, Any]:
        """Return what was packed, checked against the digest.

        Raises:
            CorruptArtifactError: the bytes are not those that were stored; `what` says whose they are.
            EncryptionError: they are encrypted under a key that is not known.
        """
        if self.codec in SEALED:
            return self.opened(keys, what=what).content(what=what)
        try:
            return content_of_parts(self._checked()) if self.codec == "zstd-parts" else content_of(self._whole())
        except (zstandard.ZstdError, struct.error, MemoryError) as error:
            raise _corrupt(what, f"it cannot be unpacked ({error})") from error
        except (MessageError, ValueError) as error:
            raise _corrupt(what, f"its SHA-256 is no longer {self.digest}") from error

    def packed(self, *, what: str) -> tuple[dict[str, Any], str, PackedItems] | None:
        """Return what stands around the list that is in parts, its key and its items; None where there is no such list.

        Raises:
            CorruptArtifactError: as `content`.
        """
        if self.codec != "zstd-parts":
            return None
        self.check(what=what)
        found, decompressor = self._frames(), zstandard.ZstdDecompressor()
        frames = found if isinstance(found, Frames) else Frames(found)
        one_by_one = iter(frames)
        first, last = decompressor.decompress(next(one_by_one)), deque(one_by_one, maxlen=1)
        key = key_opened_by(first)
        if key is None or not last:
            return None
        around = content_of(first + decompressor.decompress(last[0]))
        del around[key]
        return around, key, PackedItems.of_frames(FramesWithin(frames))

    def parts(self, *, what: str) -> Iterator[bytes]:
        """Yield what was packed in the parts that it is stored in, after all of it was checked against the digest.

        Raises:
            CorruptArtifactError: the bytes are not those that were stored; `what` says whose they are.
        """
        try:
            if self.codec != "zstd-parts":
                yield self._whole()
                return
            for _ in self._checked():
                pass
        except (zstandard.ZstdError, struct.error, MemoryError, ValueError) as error:
            raise _corrupt(what, f"it is not what has the SHA-256 {self.digest}") from error
        decompressor = zstandard.ZstdDecompressor()
        for frame in self._frames():
            yield decompressor.decompress(frame, max_output_size=self.size)

    def check(self, *, what: str) -> None:
        """Unpack it, part by part, and compare it with its digest and size; raises as `content`."""
        try:
            parts = self._checked() if self.codec == "zstd-parts" else iter([self._whole()])
            size = sum(map(len, parts))
        except (zstandard.ZstdError, struct.error, MemoryError) as error:
            raise _corrupt(what, f"it cannot be unpacked ({error})") from error
        except ValueError as error:
            raise _corrupt(what, f"its SHA-256 is no longer {self.digest}") from error
        if size != self.size:
            raise _corrupt(what, f"it has {size:,} bytes and not {self.size:,}")

    def _whole(self) -> bytes:
        if self.codec == "raw":
            canonical = bytes(self.data)
        elif self.codec == "zstd":
            canonical = own_unpacker().decompress(bytes(self.data), max_output_size=self.size)
        else:
            raise zstandard.ZstdError(f"unknown codec {self.codec!r}")
        if digest_of(canonical) != self.digest:
            raise ValueError(self.digest)
        return canonical

    def _frames(self) -> Iterable[bytes]:
        if isinstance(self.data, Pieces):
            return self.data.frames
        data = self.data
        return frames_in(lambda start, length: data[start : start + length], len(data))

    def _checked(self) -> Iterator[bytes]:
        """The parts; that they are not what was stored is known at the end, before anybody is given anything."""
        decompressor, sha = zstandard.ZstdDecompressor(), hashlib.sha256()
        for frame in self._frames():
            part = decompressor.decompress(frame, max_output_size=self.size)
            sha.update(part)
            yield part
        if sha.hexdigest() != self.digest:
            raise ValueError(self.digest)


BYTES = sa.func.coalesce(blobs.c.chunked_data, blobs.c.data, type_=sa.LargeBinary)
"""A blob's bytes, wherever they are."""

AT_REST = (
    *(blobs.c[name] for name in ("digest", "codec", "size", "stored_size")),
    sa.case((blobs.c.stored_size < LARGE, BYTES)).label("data"),
    sa.case((blobs.c.chunked_data.is_(None), "data"), else_="chunked_data").label("held_in"),
    blob_keys.c.key_id,
    blob_keys.c.wrapped,
)
"""The columns that `read` takes: a blob's, its bytes unless they are many, and its key's where it has one."""


def read(connection: sa.Connection, row: Any, *, what: str) -> Blob:
    """Return the blob of a row of `AT_REST`.

    Raises:
        CorruptArtifactError: they are not such as were stored; `what` says whose they are.
    """
    if row.data is not None:
        return Blob.of_row(row, row.data)
    try:
        with large_blobs.reading(connection, row.digest, blobs.c[row.held_in]) as read_at:
            if row.codec != "zstd-parts":
                return Blob.of_row(row, read_at(0, row.stored_size))
            return Blob.of_row(row, Pieces(Frames(frames_in(read_at, row.stored_size))))
    except (struct.error, ValueError, zstandard.ZstdError) as error:
        raise _corrupt(what, f"it cannot be unpacked ({error})") from error


def store(connection: sa.Connection, blob: Blob) -> None:
    """Write a blob, unless one with its digest is there already; an empty one is filled."""
    if _write(connection, insert_ignore(connection, blobs), blob, digest=blob.digest):
        _store_key(connection, blob)
    else:
        hold(connection, blob.digest, lambda: blob)


def hold(connection: sa.Connection, digest: str, packed: Callable[[], Blob]) -> None:
    """See to it that a content that is there already stays, until this transaction's artifact is seen to keep it.

    Whoever is about to empty it waits for this transaction, or has emptied it: then it is filled again with `packed`,
    and so it is where it is encrypted under a key that is not known here.
    """
    codec = connection.execute(_LOCKED, {"wanted": digest}).scalar_one()
    connection.execute(_WANTED_AGAIN, {"wanted": digest})
    if codec == EMPTY or (codec in SEALED and not _has_its_key(connection, digest)):
        write_over(connection, packed())


def write_over(connection: sa.Connection, blob: Blob) -> None:
    """Put these bytes in the place of those that are stored for the digest."""
    _write(connection, _FILLED, blob, wanted=blob.digest)
    connection.execute(_KEY_GONE, {"wanted": blob.digest})
    _store_key(connection, blob)


def exists(connection: sa.Connection, digest: str) -> bool:
    """Say whether the content is stored already."""
    return connection.execute(_EXISTS, {"wanted": digest, "empty": EMPTY}).first() is not None


def _store_key(connection: sa.Connection, blob: Blob) -> None:
    if blob.key is not None:
        row = {"digest": blob.digest, "key_id": blob.key.key_id, "wrapped": blob.key.wrapped}
        connection.execute(sa.insert(blob_keys), row)


def _has_its_key(connection: sa.Connection, digest: str) -> bool:
    key_id = connection.execute(_KEY_ID, {"wanted": digest}).scalar_one_or_none()
    return key_id is not None and keys_of(connection).knows(key_id)


def _write(connection: sa.Connection, statement: Any, blob: Blob, **named: str) -> bool:
    """Write a blob's columns; say whether there was something to write them to."""
    about = {"codec": blob.codec, "size": blob.size, "stored_size": len(blob.data), **named}
    if isinstance(blob.data, Pieces) and len(blob.data) >= LARGE and connection.dialect.name == "sqlite":
        room = {"data": b"", "room": len(blob.data), "checksum": blob.data.checksum}
        is_there = connection.execute(statement.values(chunked_data=_ROOM), {**about, **room}).rowcount == 1
        if is_there:
            large_blobs.write(connection, blob.digest, blob.data)
        return bool(is_there)
    data = bytes(blob.data)
    written = connection.execute(statement, {**about, "data": data, "checksum": zlib.crc32(data), "chunked_data": None})
    return bool(written.rowcount == 1)


_ROOM = sa.func.zeroblob(sa.bindparam("room", type_=sa.Integer))
_OF_DIGEST = blobs.c.digest == sa.bindparam("wanted")
_EXISTS = sa.select(blobs.c.size).where(_OF_DIGEST, blobs.c.codec != sa.bindparam("empty"))
_LOCKED = sa.select(blobs.c.codec).where(_OF_DIGEST).with_for_update(read=True)
_WANTED_AGAIN = sa.delete(gc_candidates).where(gc_candidates.c.digest == sa.bindparam("wanted"))
_FILLED = sa.update(blobs).where(_OF_DIGEST).execution_options(preserve_rowcount=True)
_KEY_ID = sa.select(blob_keys.c.key_id).where(blob_keys.c.digest == sa.bindparam("wanted"))
_KEY_GONE = sa.delete(blob_keys).where(blob_keys.c.digest == sa.bindparam("wanted"))


def _corrupt(what: str, why: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"What is stored of {what} is not what was saved: {why}",
        remedy="Restore the database from a backup, or make the artifact anew with a new run",
    )
