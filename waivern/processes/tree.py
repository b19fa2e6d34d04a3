"""The tree of processes below one process: finding it, keeping it together and killing it."""

import os
import signal
import sys
import time
from collections import defaultdict
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


def has_children() -> bool:
    """Return whether this process has living children; those that have ended are reaped."""
    with suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
    return False


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
