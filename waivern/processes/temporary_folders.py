"""Temporary folders that are removed even if the process that uses them is killed."""

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waivern.processes import guard
from waivern.processes.guard_program import OWNER, PREFIX

_CONTENT = "content"


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Yield an empty folder, and remove it after the block.

    If this process is killed, its guard removes the folder. If the guard is gone too, the next guard that starts finds
    the owner file unlocked and removes the folder; the lock is the lease, and the kernel ends it with its owner.
    """
    folder, owner = _make_folder(name, parent=None)
    try:
        yield folder / _CONTENT
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        guard.current().remove_folder(folder)
        os.close(owner)


def process_folder(name: str, *, parent: Path) -> Path:
    """Return an empty folder in `parent`. The guard removes it when this process has ended.

    Raises:
        OSError: `parent` cannot be written to.
    """
    folder, _ = _make_folder(name, parent=parent)  # the lock is held as long as this process lives
    return folder / _CONTENT


def _make_folder(name: str, *, parent: Path | None) -> tuple[Path, int]:
    """Return a new folder with its owner file, and the descriptor of that file."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name}-", dir=parent))
    owner = _lock_owner_file(folder)
    guard.current().add_folder(folder)
    (folder / _CONTENT).mkdir()
    return folder, owner


def _lock_owner_file(folder: Path) -> int:
    """Create the owner file and return its descriptor. It gets its name when it is locked: until then none is found."""
    unlocked = folder / f"{OWNER}.new"
    owner = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with suppress(OSError):  # a file system without locks: then nobody else can lock the file either
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(owner, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    unlocked.rename(folder / OWNER)
    return owner
