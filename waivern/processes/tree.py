"""The tree of processes below one process: finding it, keeping it together and killing it."""

import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_KILL_TIMEOUT_S = 1.0
_POLL_S = 0.002


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none leaves the tree (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children(*, other_than: Collection[int] = ()) -> bool:
    """Kill and reap the children of this process; return whether none is left.

    If this process adopts orphans, the children of a killed child become its own, so all descendants are killed. Where
    children cannot be found (not on Linux), none is killed.
    """
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while children := _children() - set(other_than):
        for child in children:
            _send(child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _children() -> set[int]:
    """Return the children of this process; the kernel lists them by the thread that has started or adopted them."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended, and another one has got its children
            found.update(int(pid) for pid in file.read_text(encoding="ascii").split())
    return found


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants; where descendants cannot be found (not on Linux), the process alone."""
    kill_descendants(pid)
    _send(pid, signal.SIGKILL)


def kill_descendants(pid: int) -> None:
    """Stop a process, so that it starts no others, and kill all its descendants (Linux only)."""
    if sys.platform != "linux":
        return
    _send(pid, signal.SIGSTOP)
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while (found := _living_descendants(pid)) and time.monotonic() < deadline:
        for descendant in found:
            _send(descendant, signal.SIGKILL)
        time.sleep(_POLL_S)


def _living_descendants(pid: int) -> list[int]:
    children = defaultdict(list)
    for name in os.listdir("/proc"):  # noqa: PTH208  thousands of entries, of which only the names matter
        if name.isdigit():
            with suppress(OSError):
                # The program's name, in parentheses, may contain anything: the state and the parent follow it.
                state, parent = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[:2]
                children[int(parent)].append((int(name), state not in (b"Z", b"X")))
    found, parents = [], [pid]
    while parents:
        for child, is_living in children.pop(parents.pop(), ()):
            parents.append(child)
            if is_living:
                found.append(child)
    return found


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
