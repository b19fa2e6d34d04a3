"""The guard of this process: it kills what this process has started, and removes its temporary folders, at its end.

A process that is killed cannot clean up after itself, so a second, small process does it: see `guard_program`. It is
notified in advance of process groups and folders. On Linux it also finds every process that has inherited an
environment variable from this one, even in a session of its own.
"""

import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waivern.processes import guard_program
from waivern.processes.environment import TREE_VARIABLE, basic_environment


class Guard:
    """The guard of one process, started on first use. `tree` is the `TREE_VARIABLE` of what this process starts."""

    def __init__(self) -> None:
        self.tree = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._lifeline: int | None = None
        self._detaching: int | None = None
        self._messages: dict[bytes, None] = {}

    def start(self) -> None:
        """Start the guard unless it runs."""
        with self._lock:
            if self._lifeline is None:
                self._start()

    def add_group(self, group: int) -> None:
        """Let the guard kill a process group when this process ends."""
        self._add(b"group %d" % group)

    def remove_group(self, group: int) -> None:
        """Revoke `add_group`: the group has ended, and its number may be reused."""
        self._remove(b"group %d" % group)

    def add_folder(self, folder: Path) -> None:
        """Let the guard remove a folder when this process ends."""
        self._add(b"folder " + os.fsencode(folder))

    def remove_folder(self, folder: Path) -> None:
        """Revoke `add_folder`: the folder was removed."""
        self._remove(b"folder " + os.fsencode(folder))

    def add_tree(self) -> None:
        """Let the guard kill all processes that have inherited `tree` when this process ends."""
        self._add(f"tree {TREE_VARIABLE}={self.tree}".encode())

    def wait_until_detached(self) -> None:
        """Wait until the guard is no longer a child of this process."""
        with self._lock:
            self._reap(0)

    def leave_to_parent(self) -> None:
        """Close this process's end of the pipe, which it has inherited by a fork."""
        if self._lifeline is not None:
            os.close(self._lifeline)

    def _add(self, message: bytes) -> None:
        with self._lock:
            self._messages[message] = None
            self._send(message)

    def _remove(self, message: bytes) -> None:
        with self._lock:
            if self._messages.pop(message, b"") is None:
                self._send(b"-" + message)

    def _send(self, message: bytes) -> None:
        self._reap(os.WNOHANG)
        if self._lifeline is None:
            self._start()
            return
        try:
            os.write(self._lifeline, message + b"\0")
        except BrokenPipeError:  # the guard was killed
            os.close(self._lifeline)
            self._start()

    def _start(self) -> None:
        self._reap(0)
        inside, self._lifeline = os.pipe()
        try:
            self._detaching = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", guard_program.__file__, tempfile.gettempdir()],
                basic_environment(),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, inside, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
            )
        finally:
            os.close(inside)
        for message in self._messages:
            os.write(self._lifeline, message + b"\0")

    def _reap(self, options: int) -> None:
        """Reap the process that has started the guard; it ends as soon as the guard runs."""
        if self._detaching is None:
            return
        try:
            reaped, _ = os.waitpid(self._detaching, options)
        except ChildProcessError:
            reaped = self._detaching
        if reaped:
            self._detaching = None


_guard = Guard()


def current() -> Guard:
    """Return the guard of this process."""
    return _guard


@contextmanager
def guarding_descendants() -> Iterator[None]:
    """Let all processes that are started within the block, by whatever library, end with this one. Linux only."""
    guard = current()
    guard.add_tree()
    before = os.environ.get(TREE_VARIABLE)
    os.environ[TREE_VARIABLE] = guard.tree
    try:
        yield
    finally:
        with suppress(KeyError):
            del os.environ[TREE_VARIABLE]
        if before is not None:
            os.environ[TREE_VARIABLE] = before


def _after_fork_in_child() -> None:
    global _guard
    # The guard watches the parent process; a copy of the pipe's end would keep it from noticing the parent's end.
    _guard.leave_to_parent()
    _guard = Guard()


os.register_at_fork(after_in_child=_after_fork_in_child)
