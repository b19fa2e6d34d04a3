"""Parser processes: started when they are needed, kept for the next file, and killed when a file exceeds its limits."""

import atexit
import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waivern.files.parsers.wire import LENGTH, READY, End, Reply, Request, decode_reply, frame
from waivern.processes import children
from waivern.processes.environment import basic_environment, inherited_tree

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from waivern.files.parsers.child import main; main()"
_PYTHON_VARIABLES = ("PYTHONHOME", "PYTHONUTF8")
_MAX_START_SECONDS = 120.0
_WAITING_FACTOR, _WAITING_SECONDS = 3, 5.0
"""How many times its processor time, and how many seconds more, a process may take: it may wait for a processor."""

_READ_SIZE = 1 << 18
_GRACE_SECONDS = 1.0


class TimeLimitError(Exception):
    """The process was ended because a file took too much time."""


class CrashedError(Exception):
    """The process ended by itself; `signal_name` is the signal that ended it, if one did."""

    def __init__(self, signal_name: str | None) -> None:
        super().__init__(signal_name or "")
        self.signal_name = signal_name


class ParserProcess:
    """A process that parses one file at a time."""

    def __init__(self) -> None:
        self._process = children.start(
            [sys.executable, "-E", "-s", "-S", "-c", _PROGRAM, *(str(Path(path).absolute()) for path in sys.path)],
            environment=basic_environment(names=_PYTHON_VARIABLES) | inherited_tree(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            is_kept=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._received = bytearray()
        self._is_ready = False
        self.is_reusable = True

    def parse(self, request: Request, content: bytes) -> Iterator[Reply]:
        """Yield the replies to a request. Unless the last one is read, the process is of no further use.

        Raises:
            TimeLimitError: the file took too much time.
            CrashedError: the process ended.
            OSError: the process cannot be started.
        """
        self.is_reusable = False
        self._await_start()
        with contextlib.suppress(BrokenPipeError):  # why it ended is known below
            self._requests.write(frame(request))
            self._requests.write(LENGTH.pack(len(content)))
            self._requests.write(content)
            self._requests.flush()
        while True:
            reply = self._next_reply(_WAITING_FACTOR * request.time_limit + _WAITING_SECONDS)
            if isinstance(reply, End):
                self.is_reusable = reply.is_reusable
                yield reply
                return
            yield reply

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        children.release(self._process)
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _await_start(self) -> None:
        if self._is_ready:
            return
        try:
            self._take(len(READY), _MAX_START_SECONDS)
        except (TimeLimitError, CrashedError):
            raise OSError(errno.ECHILD, "it ended before it was ready") from None
        self._is_ready = True

    def _next_reply(self, patience: float) -> Reply:
        length = self._take(LENGTH.size, patience)
        return decode_reply(self._take(LENGTH.unpack(length)[0], patience))

    def _take(self, size: int, patience: float) -> bytes:
        """Return the next bytes that the process sends."""
        descriptor = self._replies.fileno()
        deadline = time.monotonic() + patience
        while len(self._received) < size:
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeLimitError
            chunk = os.read(descriptor, _READ_SIZE)
            if not chunk:
                raise self._end()
            self._received += chunk
        taken = bytes(memoryview(self._received)[:size])
        del self._received[:size]
        return taken

    def _end(self) -> Exception:
        try:
            status = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # it has only closed its output
            return CrashedError(None)
        if status == -signal.SIGPROF:
            return TimeLimitError()
        return CrashedError(signal.Signals(-status).name if status < 0 else None)


class _Processes:
    """The processes that wait for a file."""

    def __init__(self) -> None:
        self._idle: list[ParserProcess] = []
        self._lock = threading.Lock()
        self._max_idle = os.cpu_count() or 1

    @contextmanager
    def borrow(self) -> Iterator[ParserProcess]:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        process = ParserProcess() if process is None else process
        try:
            yield process
        finally:
            self._put_back(process)

    def forget(self) -> None:
        """Leave the processes to the process that this one is a copy of."""
        self._lock = threading.Lock()
        self._idle = []

    def close(self) -> None:
        with self._lock:
            processes, self._idle = self._idle, []
        for process in processes:
            process.kill()

    def _put_back(self, process: ParserProcess) -> None:
        with self._lock:
            is_kept = process.is_reusable and len(self._idle) < self._max_idle
            if is_kept:
                self._idle.append(process)
        if not is_kept:
            process.kill()


processes = _Processes()
atexit.register(processes.close)
os.register_at_fork(after_in_child=processes.forget)
