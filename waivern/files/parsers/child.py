"""The parser process: it parses the files that it receives on its standard input, each within its limits.

The operating system enforces the limits, because a parser in C may hang without giving Python a chance to end it:
an interval timer of processor time ends the process, and so does the end of the process that started it.
"""

import contextlib
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import msgspec

from waivern.files.parsers.extraction import replies_to
from waivern.files.parsers.wire import LENGTH, READY, End, Request, decode_request, frame
from waivern.messages.memory import release_free_memory
from waivern.messages.not_scanned import ReasonCode

_MAX_KEPT_BYTES = 1_000_000
_MAX_IDLE_BYTES = 300_000_000
_STATM = Path("/proc/self/statm")
_PAGE_SIZE = resource.getpagesize()


def main() -> None:
    """Answer requests until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches this process; the other one decides
    for number in (signal.SIGPROF, signal.SIGIO, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    requests, replies = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for a reply
    fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
    replies.write(READY)
    replies.flush()
    while (encoded := _read_frame(requests)) is not None:
        content = _read_frame(requests)
        if content is None:
            return
        if not _answer(decode_request(encoded), content, requests, replies):
            return


def _answer(request: Request, content: bytes, requests: BinaryIO, replies: BinaryIO) -> bool:
    """Send the replies to a request, and return whether this process can take another one."""
    import_module(request.module)  # imports are not part of what the file takes
    end = End(code=ReasonCode.MEMORY_LIMIT)
    with _limits(requests, request.time_limit, request.memory_limit), contextlib.suppress(MemoryError):
        for reply in replies_to(request, content):
            if isinstance(reply, End):
                end = reply
                break
            replies.write(frame(reply))
            if not request.is_text:
                replies.flush()  # what was extracted before a limit is reached is kept
    if len(content) > _MAX_KEPT_BYTES:
        release_free_memory()
    is_reusable = end.code != ReasonCode.MEMORY_LIMIT and _memory()[1] <= _MAX_IDLE_BYTES
    replies.write(frame(msgspec.structs.replace(end, is_reusable=is_reusable)))
    replies.flush()
    return is_reusable


@contextlib.contextmanager
def _limits(requests: BinaryIO, seconds: float, memory: int) -> Iterator[None]:
    flags = fcntl.fcntl(requests, fcntl.F_GETFL)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError):  # not every system can limit it
        resource.setrlimit(resource.RLIMIT_AS, (_memory()[0] + memory, hard_limit))
    fcntl.fcntl(requests, fcntl.F_SETFL, flags | os.O_ASYNC)  # SIGIO when the other process ends
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        fcntl.fcntl(requests, fcntl.F_SETFL, flags)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (hard_limit, hard_limit))


def _memory() -> tuple[int, int]:
    """Return the virtual and the resident memory of this process in bytes; 0 where the system does not say."""
    try:
        virtual, resident = _STATM.read_text(encoding="ascii").split()[:2]
    except OSError:
        return 0, 0
    return int(virtual) * _PAGE_SIZE, int(resident) * _PAGE_SIZE


def _read_frame(requests: BinaryIO) -> bytes | None:
    header = requests.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    content = requests.read(length)
    return content if len(content) == length else None


if __name__ == "__main__":
    main()
    sys.exit()
