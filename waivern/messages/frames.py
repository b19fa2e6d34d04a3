"""Many byte strings, kept in memory as long as they are few and in a file without a name beyond that."""

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import Any

from waivern.errors import MessageError

IN_MEMORY = 8 * 1024 * 1024
"""Bytes that are kept in memory."""

_NONCE_BYTES = 12


class Frames:
    """Byte strings in the order in which they were appended. One thread appends; then many may read at once.

    What does not fit into memory lies in a temporary file (in `TMPDIR`) that has no name, so that it is gone with this
    object or with the process, however that ends. Where the library that encrypts is installed, as it is wherever
    contents are encrypted at rest, the file is encrypted under a key that is nowhere but in memory.
    """

    def __init__(self, frames: Iterable[bytes] = (), *, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._held: list[bytes] = []
        self._file: _NamelessFile | None = None
        self.held_bytes = 0
        for frame in frames:
            self.append(frame)

    def append(self, frame: bytes) -> None:
        """Keep one more.

        Raises:
            MessageError: there is no room in the temporary folder.
        """
        if self._file is None and self.held_bytes + len(frame) <= self._in_memory:
            self._held.append(frame)
            self.held_bytes += len(frame)
            return
        if self._file is None:
            self._file = _NamelessFile()
        self._file.append(frame)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._held
        if self._file is not None:
            yield from self._file


class FramesInTurn:
    """Byte strings, others and others again, as one."""

    def __init__(self, *several: Iterable[bytes]) -> None:
        self._several = several

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self._several)


class FramesWithin:
    """All byte strings but the first and the last."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self.held_bytes = frames.held_bytes

    def __iter__(self) -> Iterator[bytes]:
        return (frame for frame, _ in pairwise(islice(self._frames, 1, None)))


class _NamelessFile:
    def __init__(self) -> None:
        try:
            file = tempfile.TemporaryFile(prefix="waivern-", buffering=0)  # noqa: SIM115  open as long as this is
        except OSError as error:
            raise _no_room(error) from None
        self._descriptor = file.fileno()
        weakref.finalize(self, file.close)
        self._cipher = _cipher()
        self._ends = [0]

    def append(self, frame: bytes) -> None:
        rest = memoryview(frame if self._cipher is None else self._cipher.encrypt(_nonce(len(self._ends)), frame, None))
        place = self._ends[-1]
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, place)
                place, rest = place + written, rest[written:]
        except OSError as error:
            raise _no_room(error) from None
        self._ends.append(place)

    def __iter__(self) -> Iterator[bytes]:
        for number in range(1, len(self._ends)):
            start, end = self._ends[number - 1 : number + 1]
            frame = os.pread(self._descriptor, end - start, start)
            yield frame if self._cipher is None else self._cipher.decrypt(_nonce(number), frame, None)


def _cipher() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError:
        return None
    return AESGCM(AESGCM.generate_key(bit_length=256))


def _nonce(number: int) -> bytes:
    """Another one for each frame; the key is used for one file."""
    return number.to_bytes(_NONCE_BYTES, "big")


def _no_room(error: OSError) -> MessageError:
    return MessageError(
        f"A large message cannot be put aside in {tempfile.gettempdir()}: {error.strerror}",
        remedy="Make room there, or name another folder with TMPDIR",
    )
