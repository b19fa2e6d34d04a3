"""Buffers of byte strings, kept in memory while they are few and in an unnamed temporary file beyond that."""

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from waivern.errors import MessageError

MEMORY_LIMIT = 8 * 1024 * 1024
"""Bytes that are kept in memory."""

_NONCE_BYTES = 12


class FrameBuffer:
    """Byte strings in the order in which they were appended. One thread appends; afterwards, several may read at once.

    Frames beyond the memory limit are written to a temporary file (in `TMPDIR`) without a name, which disappears with
    this object or with the process, even if that is killed. If the `cryptography` package is installed, as it is
    wherever contents are encrypted at rest, the file is encrypted with a key that exists only in memory.
    """

    def __init__(self, frames: Iterable[bytes] = (), *, memory_limit: int = MEMORY_LIMIT) -> None:
        self._memory_limit = memory_limit
        self._in_memory: list[bytes] = []
        self._file: _UnnamedFile | None = None
        self.memory_bytes = 0
        for frame in frames:
            self.append(frame)

    def append(self, frame: bytes) -> None:
        """Append a frame.

        Raises:
            MessageError: the temporary folder is full.
        """
        if self._file is None and self.memory_bytes + len(frame) <= self._memory_limit:
            self._in_memory.append(frame)
            self.memory_bytes += len(frame)
            return
        if self._file is None:
            self._file = _UnnamedFile()
        self._file.append(frame)

    def __len__(self) -> int:
        return len(self._in_memory) + (0 if self._file is None else len(self._file))

    def __getitem__(self, position: int) -> bytes:
        if position < len(self._in_memory) or self._file is None:
            return self._in_memory[position]
        return self._file[position - len(self._in_memory)]

    def __iter__(self) -> Iterator[bytes]:
        return (self[position] for position in range(len(self)))


class _UnnamedFile:
    def __init__(self) -> None:
        try:
            file = tempfile.TemporaryFile(prefix="waivern-", buffering=0)  # noqa: SIM115  closed by the finalizer
        except OSError as error:
            raise _disk_error(error) from None
        self._descriptor = file.fileno()
        weakref.finalize(self, file.close)
        self._cipher = _new_cipher()
        self._ends = [0]

    def append(self, frame: bytes) -> None:
        data = frame if self._cipher is None else self._cipher.encrypt(_nonce(len(self._ends)), frame, None)
        remaining = memoryview(data)
        position = self._ends[-1]
        try:
            while remaining:
                written = os.pwrite(self._descriptor, remaining, position)
                position, remaining = position + written, remaining[written:]
        except OSError as error:
            raise _disk_error(error) from None
        self._ends.append(position)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, position: int) -> bytes:
        start, end = self._ends[position : position + 2]
        frame = os.pread(self._descriptor, end - start, start)
        return frame if self._cipher is None else self._cipher.decrypt(_nonce(position + 1), frame, None)


def _new_cipher() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError:
        return None
    return AESGCM(AESGCM.generate_key(bit_length=256))


def _nonce(number: int) -> bytes:
    """Return a nonce that is unique per frame; each file has its own key."""
    return number.to_bytes(_NONCE_BYTES, "big")


def _disk_error(error: OSError) -> MessageError:
    return MessageError(
        f"A large message cannot be written to {tempfile.gettempdir()}: {error.strerror}",
        remedy="Free disk space there, or set TMPDIR to another folder",
    )
