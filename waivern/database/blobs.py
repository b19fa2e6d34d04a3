"""A message's content at rest: canonical JSON under its SHA-256, compressed where that pays."""

from dataclasses import dataclass

import sqlalchemy as sa
import zstandard
from sqlalchemy.dialects import postgresql, sqlite

from waivern.database.tables import blobs
from waivern.errors import CorruptArtifactError
from waivern.messages.canonical import digest_of

_COMPRESSED_FROM = 1024
_LEVEL = 3


@dataclass(frozen=True)
class Blob:
    """Bytes as they are stored; `size` is what they are worth when unpacked."""

    digest: str
    codec: str
    size: int
    data: bytes

    @classmethod
    def of(cls, digest: str, canonical: bytes) -> "Blob":
        """Pack canonical JSON; from 1 KB on with zstd (RFC 8878), where that makes it smaller."""
        if len(canonical) >= _COMPRESSED_FROM:
            packed = zstandard.ZstdCompressor(level=_LEVEL).compress(canonical)
            if len(packed) < len(canonical):
                return cls(digest, "zstd", len(canonical), packed)
        return cls(digest, "raw", len(canonical), canonical)

    def unpacked(self, *, what: str) -> bytes:
        """Return the canonical JSON, checked against the digest.

        Raises:
            CorruptArtifactError: the bytes are not those that were stored; `what` says whose they are.
        """
        try:
            canonical = self._decoded()
        except (zstandard.ZstdError, MemoryError) as error:
            raise _corrupt(what, f"it cannot be unpacked ({error})") from error
        if digest_of(canonical) != self.digest:
            raise _corrupt(what, f"its SHA-256 is no longer {self.digest}")
        return canonical

    def _decoded(self) -> bytes:
        if self.codec == "raw":
            return self.data
        if self.codec == "zstd":
            return zstandard.ZstdDecompressor().decompress(self.data, max_output_size=self.size)
        raise zstandard.ZstdError(f"unknown codec {self.codec!r}")


def store(connection: sa.Connection, blob: Blob) -> None:
    """Write a blob, unless one with its digest is there already."""
    insert = _INSERTS[connection.dialect.name]
    values = {"codec": blob.codec, "size": blob.size, "stored_size": len(blob.data), "data": blob.data}
    connection.execute(insert, {"digest": blob.digest, **values})


def exists(connection: sa.Connection, digest: str) -> bool:
    """Say whether the content is stored already."""
    return connection.execute(_EXISTS, {"wanted": digest}).first() is not None


_INSERTS = {
    "sqlite": sqlite.insert(blobs).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(blobs).on_conflict_do_nothing(),
}
_EXISTS = sa.select(blobs.c.size).where(blobs.c.digest == sa.bindparam("wanted"))


def _corrupt(what: str, why: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"What is stored of {what} is not what was saved: {why}",
        remedy="Restore the database from a backup, or make the artifact anew with a new run",
    )
