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


def thread_decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: creating one takes twice as long as decompressing a small content."""
    if not hasattr(_thread_local, "decompressor"):
        _thread_local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _thread_local.decompressor
    return decompressor


_thread_local = threading.local()
