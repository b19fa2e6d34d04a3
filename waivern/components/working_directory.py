"""The folder in which relative paths of a component's properties start.

Relative paths in a runbook start from its own folder, wherever it is run from. A factory's `create` takes only
properties, so the folder is passed in a context variable for the time of the call. (`os.chdir` would affect all
threads, and one process may create components of several runbooks at once.)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_working_directory: ContextVar[Path | None] = ContextVar("waivern_working_directory", default=None)


@contextmanager
def use_working_directory(folder: Path | None) -> Iterator[None]:
    """Resolve relative paths from `folder` inside the block; None means the process's working directory."""
    token = _working_directory.set(folder)
    try:
        yield
    finally:
        _working_directory.reset(token)


def current() -> Path:
    """Return the folder in which relative paths currently start."""
    return _working_directory.get() or Path.cwd()


def resolve_path(path: str | Path) -> Path:
    """Resolve `path` from the current folder; `~` is the user's home."""
    return current() / Path(path).expanduser()
