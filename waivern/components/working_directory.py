"""The folder that relative paths in a component's properties are meant from.

A runbook's relative paths are meant from its own folder, whoever starts it from where. A factory's `create` takes
properties and nothing else, so the folder is handed over beside them, for the time of the call: one process may
make components of several runbooks at a time, and `os.chdir` would move all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_working_directory: ContextVar[Path | None] = ContextVar("waivern_working_directory", default=None)


@contextmanager
def working_in(folder: Path | None) -> Iterator[None]:
    """Mean relative paths from `folder` within the block; None leaves them meant from the process's own."""
    token = _working_directory.set(folder)
    try:
        yield
    finally:
        _working_directory.reset(token)


def current() -> Path:
    """Return the folder that relative paths are meant from right now."""
    return _working_directory.get() or Path.cwd()


def anchored(path: str | Path) -> Path:
    """Return `path` meant from the current folder, with `~` read as the user's home."""
    return current() / Path(path).expanduser()
