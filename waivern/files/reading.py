"""Reading one file's bytes so that no file in a folder can block a scan or fill its memory."""

import os
import stat

from waivern.messages.not_scanned import ReasonCode

# A pipe that replaced the file since it was listed must not block, and a link that did must not lead out of the root.
_FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class UnreadableError(Exception):
    """A file is not read; the message says why and contains no path."""

    def __init__(self, reason: str, code: ReasonCode = ReasonCode.UNREADABLE) -> None:
        super().__init__(reason)
        self.code = code


class TooLargeError(UnreadableError):
    """A file has more bytes than allowed; `size` is their number, if it is known."""

    def __init__(self, limit: int, size: int | None = None) -> None:
        super().__init__(f"larger than {limit} bytes" + ("" if size is None else f" ({size})"), ReasonCode.TOO_LARGE)
        self.size = size


def read_bytes(path: str, *, limit: int) -> bytes:
    """Return all bytes of a regular file.

    Raises:
        TooLargeError: it has more than `limit` bytes.
        UnreadableError: it is not a regular file, was deleted meanwhile, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_open) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError("not a regular file (a pipe, a socket or a device)", ReasonCode.UNSUPPORTED)
            if status.st_size > limit:
                raise TooLargeError(limit, status.st_size)
            content = file.read(status.st_size + 1)
            if len(content) > status.st_size:  # it grew, or its size is given as 0, as in /proc
                content += file.read(limit + 1 - len(content))
    except FileNotFoundError:
        raise UnreadableError("deleted while the folder was read") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise TooLargeError(limit)
    return content


def within_limit(content: bytes, limit: int) -> bytes:
    """Return the content.

    Raises:
        TooLargeError: it has more than `limit` bytes.
    """
    if len(content) > limit:
        raise TooLargeError(limit, len(content))
    return content


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)
