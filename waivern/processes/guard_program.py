"""The guard: a small process that cleans up after the process that started it, however that one ends.

It runs as a program of its own, isolated from the environment and from installed packages, so it uses the standard
library only. The guarded process holds the other end of its standard input. The kernel closes that end when the guarded
process exits, crashes or is killed. The guard then kills what the process has left running, removes its temporary
folders, and exits.

At its start it also removes the folders of guarded processes that are gone together with their guards, as after a power
failure.
"""

import fcntl
import os
import shutil
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PREFIX = "waivern-"
SHORT_PARENT = "/tmp"  # noqa: S108  folders are made by mkdtemp
"""Where temporary folders are made whose paths must be short, if the usual place has a long one."""

OWNER = "owner"
"""The file in a temporary folder that its owner keeps locked while it lives."""

_KILL_TIMEOUT_S = 2.0  # exceeded only if the kernel waits for a device, or if PID 1 does not reap
_POLL_S = 0.01


class Charge:
    """What a guarded process is responsible for, as received in messages of the form `KIND VALUE`."""

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self.folders: set[str] = set()
        self.tree_variables: set[bytes] = set()

    def apply(self, message: bytes) -> None:
        """Apply one message."""
        kind, _, value = message.partition(b" ")
        match kind:
            case b"group":
                self.groups.add(int(value))
            case b"-group":
                self.groups.discard(int(value))
            case b"folder":
                self.folders.add(os.fsdecode(value))
            case b"-folder":
                self.folders.discard(os.fsdecode(value))
            case b"tree":
                self.tree_variables.add(value)

    def clean_up(self) -> None:
        """Kill the processes, then remove the folders."""
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while self._kill() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _kill(self) -> bool:
        """Send SIGKILL to every process that is left; return whether there was one."""
        groups = [group for group in self.groups if _send_kill(-group)]
        pids = [pid for pid in _pids_with(self.tree_variables) if _send_kill(pid)]
        return bool(groups or pids)


def remove_abandoned(parent: Path) -> None:
    """Remove the temporary folders in `parent` whose owners are gone."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _remove_if_abandoned(Path(entry.path))


def _remove_abandoned_in(parents: set[str]) -> None:
    for parent in parents:
        remove_abandoned(Path(parent))


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of this user whose owner file nobody has locked; the kernel unlocks it when its owner ends."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        return
    owner = os.open(folder / OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(owner)


def _pids_with(variables: set[bytes]) -> Iterator[int]:
    """Yield the processes whose environment has one of the variables, where the system shows it (Linux)."""
    if not variables or not Path("/proc/self/environ").exists():
        return
    for name in os.listdir("/proc"):  # noqa: PTH208  thousands of entries, of which only the names matter
        if name.isdigit():
            with suppress(OSError):
                environment = Path(f"/proc/{name}/environ").read_bytes()
                if not variables.isdisjoint(environment.split(b"\0")):
                    yield int(name)


def _send_kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def _messages() -> Iterator[bytes]:
    """Yield the messages of the guarded process, which end with NUL, until it is gone."""
    rest = b""
    while received := os.read(0, 65536):
        *complete, rest = (rest + received).split(b"\0")
        yield from complete


def _detach() -> None:
    """Leave the guarded process's children, its session, and every file that it has left open."""
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    os.chdir("/")
    for number in [int(name) for name in os.listdir("/dev/fd") if int(name) > 2]:  # noqa: PTH208  a list of numbers
        with suppress(OSError):
            os.close(number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Guard the process that has started this program; the argument is where its temporary folders are."""
    _detach()
    removing = threading.Thread(target=_remove_abandoned_in, args=({sys.argv[1], SHORT_PARENT},))
    removing.start()
    charge = Charge()
    for message in _messages():
        charge.apply(message)
    charge.clean_up()
    removing.join()


if __name__ == "__main__":
    main()
