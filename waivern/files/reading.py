"""Reading one file's bytes, such that nothing that lies in a folder can block a scan or swamp it."""

import os
import stat

# A pipe that took the file's place since it was listed must not block, nor a link that did lead out of the root.
_FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class UnreadableError(Exception):
    """A file is not read; the text says why and names no path."""


def read_bytes(path: str, *, limit: int) -> bytes:
    """Return all bytes of a regular file.

    Raises:
        UnreadableError: it holds more than `limit` bytes, is no regular file, vanished, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_opened) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError("no regular file (a pipe, a socket or a device)")
            if status.st_size > limit:
                raise UnreadableError(f"larger than {limit} bytes ({status.st_size})")
            content = file.read(status.st_size + 1)
            if len(content) > status.st_size:  # it grew, or it is one of those that say 0 bytes, as in /proc
                content += file.read(limit + 1 - len(content))
    except FileNotFoundError:
        raise UnreadableError("vanished while the folder was read") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise UnreadableError(f"larger than {limit} bytes")
    return content


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)
