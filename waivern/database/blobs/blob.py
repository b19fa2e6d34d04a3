"""A content as it is stored: canonical JSON, compressed if that saves space, encrypted if there is a key."""

import hashlib
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import zstandard

from waivern.database.blobs.framing import FramedBytes, decompress, decompressed_chunks, read_frames
from waivern.database.connection.keyring import NO_KEYS, KeyRing, WrappedKey
from waivern.errors import CorruptArtifactError, MessageError
from waivern.messages.canonical import (
    CanonicalForm,
    compress,
    content_of,
    content_of_parts,
    digest_of,
    list_key_of,
)
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.frames import FrameBuffer, InnerFrames

TOMBSTONE = "tombstone"
"""The codec of a content that was deleted: its digest and size remain."""

ENCRYPTED_CODECS = {"gcm-raw": "raw", "gcm-zstd": "zstd", "gcm-parts": "zstd-parts"}
"""The codecs of encrypted content, and the codec of the plaintext."""

_ENCRYPTED_AS = {plain: encrypted for encrypted, plain in ENCRYPTED_CODECS.items()}
_MIN_COMPRESSED_BYTES = 1024
_MAX_SMALL_BYTES = 4 * 1024 * 1024  # decompressed at once, which is faster


@dataclass(frozen=True)
class Blob:
    """The stored bytes of a content; `size` is the number of bytes of its canonical JSON.

    Codecs: `raw`; `zstd`, one frame (RFC 8878); `zstd-parts`, one frame for each part of a large content, see
    `framing`. `gcm-raw`, `gcm-zstd` and `gcm-parts` are the same, encrypted, and have a `key`.
    """

    digest: str
    codec: str
    size: int
    data: bytes | FramedBytes
    key: WrappedKey | None = None

    @classmethod
    def of(cls, form: CanonicalForm) -> "Blob":
        """Return the blob of a content; from 1 KB it is compressed with zstd if that makes it smaller."""
        if form.whole is None:
            return cls(form.digest, "zstd-parts", form.size, FramedBytes(form.frames()))
        if form.size >= _MIN_COMPRESSED_BYTES:
            smaller = compress(form.whole)
            if len(smaller) < form.size:
                return cls(form.digest, "zstd", form.size, smaller)
        return cls(form.digest, "raw", form.size, form.whole)

    def encrypted(self, keys: KeyRing) -> "Blob":
        """Return the encrypted blob; if there is no key, this blob."""
        if keys.current is None:
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
                return content_of_parts(self._verified_parts())
            return content_of(self._verified_whole())
        except (zstandard.ZstdError, struct.error, MemoryError) as error:
            raise corrupt(subject, f"it cannot be decompressed ({error})") from error
        except (MessageError, ValueError) as error:
            raise self._digest_mismatch(subject) from error

    def compressed_items(self, *, subject: str) -> tuple[dict[str, Any], str, CompressedItems] | None:
        """Return the envelope, the key of the list that is stored in parts, and its items; None without such a list.

        Raises:
            CorruptArtifactError: as `content`.
        """
        if self.codec != "zstd-parts":
            return None
        self.check(subject=subject)
        stored, decompressor = self._frames(), zstandard.ZstdDecompressor()
        frames = stored if isinstance(stored, FrameBuffer) else FrameBuffer(stored)
        iterator = iter(frames)
        first, last = decompressor.decompress(next(iterator)), deque(iterator, maxlen=1)
        key = list_key_of(first)
        if key is None or not last:
            return None
        envelope = content_of(first + decompressor.decompress(last[0]))
        del envelope[key]
        return envelope, key, CompressedItems.from_frames(InnerFrames(frames))

    def parts(self, *, subject: str) -> Iterator[bytes]:
        """Yield the canonical JSON in the parts in which it is stored, after checking all of it against the digest.

        Raises:
            CorruptArtifactError: the bytes are not those that were stored; `subject` names their owner in the message.
        """
        if self.codec != "zstd-parts":
            yield self._whole(subject)
            return
        self.check(subject=subject)
        for frame in self._frames():
            yield decompress(frame, limit=self.size)

    def _whole(self, subject: str) -> bytes:
        try:
            return self._verified_whole()
        except (zstandard.ZstdError, MemoryError) as error:
            raise corrupt(subject, f"it cannot be decompressed ({error})") from error
        except ValueError as error:
            raise self._digest_mismatch(subject) from error

    def check(self, *, subject: str) -> None:
        """Decompress the content chunk by chunk and compare it with its digest and size; raises as `content`."""
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

    def _verified_parts(self) -> Iterator[bytes]:
        """Yield all parts, then raise ValueError if their digest is wrong: use none before the iteration has ended."""
        sha, size = hashlib.sha256(), 0
        for frame in self._frames():
            part = decompress(frame, limit=self.size - size)
            size += len(part)
            sha.update(part)
            yield part
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


def corrupt(subject: str, reason: str) -> CorruptArtifactError:
    """Return the error for stored content that is not what was saved."""
    return CorruptArtifactError(
        f"The stored content of {subject} is not what was saved: {reason}",
        remedy="Restore the database from a backup, or produce the artifact again with a new run",
    )
