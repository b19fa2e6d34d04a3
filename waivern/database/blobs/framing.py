"""The bytes of a large content: its compressed parts, and behind them their lengths.

Lengths and, last of all, their number have four bytes each, the highest first.
"""

import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain

import zstandard

_UNIT = 4


class Pieces:
    """Such bytes, of which a part is in memory at a time; `bytes()` gives all of them.

    Args:
        frames: The compressed parts, the same each time that they are gone through.
    """

    def __init__(self, frames: Iterable[bytes]) -> None:
        self.frames = frames
        lengths = [len(frame) for frame in frames]
        self._behind = struct.pack(f">{len(lengths) + 1}I", *lengths, len(lengths))
        self._size = sum(lengths) + len(self._behind)

    @cached_property
    def checksum(self) -> int:
        """The CRC-32 of all the bytes."""
        checksum = 0
        for piece in self:
            checksum = zlib.crc32(piece, checksum)
        return checksum

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return chain(self.frames, [self._behind])

    def __bytes__(self) -> bytes:
        return b"".join(self)


def frames_in(read: Callable[[int, int], bytes], size: int) -> Iterator[bytes]:
    """Yield the compressed parts of such bytes.

    Args:
        read: Returns the bytes from a place on, so many of them.
        size: How many there are in all.

    Raises:
        struct.error, zstandard.ZstdError: they are not such.
    """
    (number,) = struct.unpack(">I", read(size - _UNIT, _UNIT))
    behind = size - _UNIT * (number + 1)
    if behind < 0:
        raise zstandard.ZstdError("its parts do not add up")
    start = 0
    for length in struct.unpack(f">{number}I", read(behind, _UNIT * number)):
        yield read(start, length)
        start += length
    if start != behind:
        raise zstandard.ZstdError("its parts do not add up")


def own_unpacker() -> zstandard.ZstdDecompressor:
    """This thread's own unpacker: to make one takes twice as long as to unpack what is small."""
    if not hasattr(_of_thread, "unpacker"):
        _of_thread.unpacker = zstandard.ZstdDecompressor()
    unpacker: zstandard.ZstdDecompressor = _of_thread.unpacker
    return unpacker


_of_thread = threading.local()
