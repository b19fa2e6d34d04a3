"""A content as it is stored: canonical JSON, compressed if that saves space, encrypted if there is a key."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import zstandard

from waivern.database.blobs.framing import FramedBytes, decompress, decompressed_chunks, read_frames
from waivern.database.blobs.split_content import content_of_pieces, items_of_pieces, list_key_of
from waivern.database.connection.keyring import NO_KEYS, KeyRing, WrappedKey
from waivern.errors import CorruptArtifactError, MessageError
from waivern.messages.canonical import compress, content_of, digest_of
from waivern.messages.canonical_form import CanonicalForm
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.parts import MANIFEST_START, MAX_MANIFEST_BYTES, Manifest, Part

TOMBSTONE = "tombstone"
"""The codec of a content that was deleted: its digest and size remain."""

MANIFEST = "manifest"
"""The codec of a content that is stored in parts: its digest is that of the manifest, which lists them."""

ENCRYPTED_CODECS = {"gcm-raw": "raw", "gcm-zstd": "zstd", "gcm-parts": "zstd-parts"}
"""The codecs of encrypted content, and the codec of the plaintext."""

_ENCRYPTED_AS = {plain: encrypted for encrypted, plain in ENCRYPTED_CODECS.items()}
_MIN_COMPRESSED_BYTES = 1024
_MAX_SMALL_BYTES = 4 * 1024 * 1024  # decompressed at once, which is faster


@dataclass(frozen=True)
class Blob:
    """The stored bytes of a content, or of a part of one; `size` is the number of bytes of its canonical JSON.

    Codecs: `raw`; `zstd`, one frame (RFC 8878); `manifest`, one frame with a `Manifest`, whose parts are blobs of their
    own. `zstd-parts`, one frame for each piece of a large content, see `framing`, was written by earlier versions.
    `gcm-raw`, `gcm-zstd` and `gcm-parts` are the same, encrypted, and have a `key`. A manifest is never encrypted,
    because it holds nothing of the content.
    """

    digest: str
    codec: str
    size: int
    data: bytes | FramedBytes
    key: WrappedKey | None = None

    @classmethod
    def of(cls, form: CanonicalForm) -> "Blob":
        """Return the blob of a content: of all of it, or of its manifest."""
        if form.parts is not None:
            return cls(form.digest, MANIFEST, form.size, compress(form.parts.manifest.encode()))
        return cls.of_bytes(form.digest, form.whole or b"")

    @classmethod
    def of_bytes(cls, digest: str, canonical: bytes) -> "Blob":
        """Return the blob of canonical JSON; from 1 KB it is compressed with zstd if that makes it smaller."""
        size = len(canonical)
        if size >= _MIN_COMPRESSED_BYTES:
            smaller = compress(canonical)
            if len(smaller) < size:
                return cls(digest, "zstd", size, smaller)
        return cls(digest, "raw", size, canonical)

    @classmethod
    def of_part(cls, part: Part, frame: bytes) -> "Blob":
        """Return the blob of a part of a content, which is compressed already."""
        return cls(part.digest, "zstd", part.size, frame)

    def encrypted(self, keys: KeyRing) -> "Blob":
        """Return the encrypted blob; if there is no key, this blob."""
        if keys.current is None or self.codec == MANIFEST:
            return self
        codec = _ENCRYPTED_AS[self.codec]
        data, key = keys.encrypt(bytes(self.data), digest=self.digest, codec=codec)
        return replace(self, codec=codec, data=data, key=key)

    def decrypted(self, keys: KeyRing, *, subject: str) -> "Blob":
        """Return the decrypted blob; if it is not encrypted, this blob. Raises as `content`."""
        if self.codec not in ENCRYPTED_CODECS:
            return self
        try:
            data = keys.decrypt(bytes(self.data), self.key, digest=self.digest, codec=self.codec, subject=subject)
        except ValueError as error:
            raise corrupt(subject, f"it cannot be decrypted ({error})") from error
        return replace(self, codec=ENCRYPTED_CODECS[self.codec], data=data, key=None)

    def content(self, *, subject: str, keys: KeyRing = NO_KEYS) -> dict[str, Any]:
        """Return the content, checked against the digest.

        Raises:
            CorruptArtifactError: the bytes are not those that were stored; `subject` names their owner in the message.
            EncryptionError: they are encrypted under a key that is not available.
        """
        if self.codec in ENCRYPTED_CODECS:
            return self.decrypted(keys, subject=subject).content(subject=subject)
        try:
            if self.codec == "zstd-parts":
                return content_of_pieces(self._verified_pieces())
            return content_of(self._verified_whole())
        except (zstandard.ZstdError, struct.error, MemoryError) as error:
            raise corrupt(subject, f"it cannot be decompressed ({error})") from error
        except (MessageError, ValueError) as error:
            raise self._digest_mismatch(subject) from error

    def compressed_items(self, *, subject: str) -> tuple[dict[str, Any], str, CompressedItems] | None:
        """Return envelope, key and items of a content that an earlier version stored in pieces; None of any other.

        Raises:
            CorruptArtifactError: as `content`.
        """
        if self.codec != "zstd-parts":
            return None
        pieces = self.pieces(subject=subject)
        first = next(pieces)
        key = list_key_of(first)
        if key is None:
            return None
        last = [b""]
        items = CompressedItems(items_of_pieces(_all_but_last(pieces, last)))
        envelope = content_of(first + last[0])
        del envelope[key]
        return envelope, key, items

    def pieces(self, *, subject: str) -> Iterator[bytes]:
        """Yield the canonical JSON in pieces, after checking all of it against the digest.

        Raises:
            CorruptArtifactError: the bytes are not those that were stored; `subject` names their owner in the message.
        """
        if self.codec != "zstd-parts":
            yield self.whole(subject=subject)
            return
        self.check(subject=subject)
        for frame in self._frames():
            yield decompress(frame, limit=self.size)

    def manifest(self, *, subject: str) -> Manifest:
        """Return the manifest of a content that is stored in parts.

        Raises:
            CorruptArtifactError: as `content`.
        """
        try:
            encoded = _decompressed_manifest(bytes(self.data))
            manifest = Manifest.decode(encoded)
        except (zstandard.ZstdError, MessageError, MemoryError) as error:
            raise corrupt(subject, f"its manifest cannot be read ({error})") from error
        if digest_of(encoded) != self.digest:
            raise self._digest_mismatch(subject)
        if manifest.size != self.size:
            raise corrupt(subject, f"its parts have {manifest.size:,} bytes instead of {self.size:,}")
        return manifest

    def whole(self, *, subject: str) -> bytes:
        """Return the canonical JSON of a content that is not stored in pieces or parts; raises as `content`."""
        try:
            return self._verified_whole()
        except (zstandard.ZstdError, MemoryError) as error:
            raise corrupt(subject, f"it cannot be decompressed ({error})") from error
        except ValueError as error:
            raise self._digest_mismatch(subject) from error

    def check(self, *, subject: str) -> None:
        """Decompress the content chunk by chunk and compare it with its digest and size; raises as `content`.

        Of a content in parts, only the manifest is checked.
        """
        if self.codec == MANIFEST:
            self.manifest(subject=subject)
            return
        sha, size = hashlib.sha256(), 0
        try:
            for chunk in self._chunks():
                sha.update(chunk)
                size += len(chunk)
        except (zstandard.ZstdError, struct.error, MemoryError) as error:
            raise corrupt(subject, f"it cannot be decompressed ({error})") from error
        if sha.hexdigest() != self.digest:
            raise self._digest_mismatch(subject)
        if size != self.size:
            raise corrupt(subject, f"it has {size:,} bytes instead of {self.size:,}")

    def _chunks(self) -> Iterator[bytes]:
        """The content in chunks of bounded size, as the stored bytes are untrusted; `size` of them at most."""
        if self.codec == "raw":
            yield bytes(self.data)
            return
        size = 0
        for frame in [bytes(self.data)] if self.codec == "zstd" else self._compressed_frames():
            is_small = 0 <= zstandard.frame_content_size(frame) <= _MAX_SMALL_BYTES
            limit = self.size - size
            chunks = [decompress(frame, limit=limit)] if is_small else decompressed_chunks(frame, limit=limit)
            for chunk in chunks:
                size += len(chunk)
                yield chunk

    def _verified_whole(self) -> bytes:
        if self.codec == "raw":
            canonical = bytes(self.data)
        elif self.codec == "zstd":
            canonical = decompress(bytes(self.data), limit=self.size)
        else:
            raise zstandard.ZstdError(f"unknown codec {self.codec!r}")
        if digest_of(canonical) != self.digest:
            raise ValueError(self.digest)
        return canonical

    def _verified_pieces(self) -> Iterator[bytes]:
        """Yield all pieces, then raise ValueError if their digest is wrong: use none before the iteration has ended."""
        sha, size = hashlib.sha256(), 0
        for frame in self._frames():
            piece = decompress(frame, limit=self.size - size)
            size += len(piece)
            sha.update(piece)
            yield piece
        if sha.hexdigest() != self.digest:
            raise ValueError(self.digest)

    def _compressed_frames(self) -> Iterable[bytes]:
        if self.codec != "zstd-parts":
            raise zstandard.ZstdError(f"unknown codec {self.codec!r}")
        return self._frames()

    def _frames(self) -> Iterable[bytes]:
        if isinstance(self.data, FramedBytes):
            return self.data.frames
        data = self.data
        return read_frames(lambda offset, length: data[offset : offset + length], len(data))

    def _digest_mismatch(self, subject: str) -> CorruptArtifactError:
        return corrupt(subject, f"its SHA-256 is no longer {self.digest}")


def _decompressed_manifest(frame: bytes) -> bytes:
    """Decompress a manifest, which is untrusted: anything else is refused after the first chunk."""
    encoded = bytearray()
    for chunk in decompressed_chunks(frame, limit=MAX_MANIFEST_BYTES):
        encoded += chunk
        if not encoded.startswith(MANIFEST_START):
            raise MessageError("it does not begin like one")
    return bytes(encoded)


def _all_but_last(pieces: Iterator[bytes], last: list[bytes]) -> Iterator[bytes]:
    """Yield the pieces without the last one, which is in `last` afterwards."""
    before: bytes | None = None
    for piece in pieces:
        if before is not None:
            yield before
        before = last[0] = piece


def corrupt(subject: str, reason: str) -> CorruptArtifactError:
    """Return the error for stored content that is not what was saved."""
    return CorruptArtifactError(
        f"The stored content of {subject} is not what was saved: {reason}",
        remedy="Restore the database from a backup, or produce the artifact again with a new run",
    )
