"""The stored bytes of a large content: its compressed parts (frames), followed by their lengths and their number.

Each length, and the number of frames at the very end, is a 4-byte big-endian integer.
"""

import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain

import zstandard

_INT_BYTES = 4
_CHUNK_BYTES = 1 << 20


class FramedBytes:
    """Stored bytes of which one frame at a time is in memory; `bytes()` returns all of them.

    Args:
        frames: The compressed parts; every iteration must yield the same.
    """

    def __init__(self, frames: Iterable[bytes]) -> None:
        self.frames = frames
        lengths = [len(frame) for frame in frames]
        self._trailer = struct.pack(f">{len(lengths) + 1}I", *lengths, len(lengths))
        self._size = sum(lengths) + len(self._trailer)

    @cached_property
    def checksum(self) -> int:
        """The CRC-32 of all bytes."""
        checksum = 0
        for chunk in self:
            checksum = zlib.crc32(chunk, checksum)
        return checksum

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return chain(self.frames, [self._trailer])

    def __bytes__(self) -> bytes:
        return b"".join(self)


def read_frames(read: Callable[[int, int], bytes], size: int) -> Iterator[bytes]:
    """Yield the frames of stored bytes.

    Args:
        read: Returns bytes, given their offset and their number.
        size: The number of bytes in all.

    Raises:
        struct.error, zstandard.ZstdError: the bytes are not framed.
    """
    (number,) = struct.unpack(">I", read(size - _INT_BYTES, _INT_BYTES))
    trailer_at = size - _INT_BYTES * (number + 1)
    if trailer_at < 0:
        raise zstandard.ZstdError("the lengths of its parts do not add up")
    offset = 0
    for length in struct.unpack(f">{number}I", read(trailer_at, _INT_BYTES * number)):
        yield read(offset, length)
        offset += length
    if offset != trailer_at:
        raise zstandard.ZstdError("the lengths of its parts do not add up")


def decompress(frame: bytes, *, limit: int) -> bytes:
    """Return the content of a frame of at most `limit` bytes.

    The size in a frame's header is checked first: `ZstdDecompressor.decompress` allocates that many bytes, whatever its
    `max_output_size`.

    Raises:
        zstandard.ZstdError: the frame is damaged, or its content is larger.
    """
    declared = zstandard.frame_content_size(frame)
    if declared > limit:
        raise zstandard.ZstdError(f"it declares {declared:,} bytes instead of at most {limit:,}")
    # 0 would mean no limit
    content = thread_decompressor().decompress(frame, max_output_size=max(limit, 1))
    if len(content) > limit:
        raise zstandard.ZstdError(f"it has {len(content):,} bytes instead of at most {limit:,}")
    return content


def decompressed_chunks(frame: bytes, *, limit: int) -> Iterator[bytes]:
    """Yield the content of a frame in chunks of at most 1 MiB, so that memory does not depend on any declared size.

    Raises:
        zstandard.ZstdError: the frame is damaged, or its content is larger than `limit`.
    """
    size = 0
    decompressor = zstandard.ZstdDecompressor()
    with decompressor.stream_reader(frame, read_size=_CHUNK_BYTES) as reader:
        while chunk := reader.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                raise zstandard.ZstdError(f"it has more than {limit:,} bytes")
            yield chunk


def thread_decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: creating one takes twice as long as decompressing a small content."""
    if not hasattr(_thread_local, "decompressor"):
        _thread_local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _thread_local.decompressor
    return decompressor


_thread_local = threading.local()
