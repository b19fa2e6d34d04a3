"""Files that only their owner can read, written completely or not at all."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class WrittenBytes:
    """The SHA-256 and the number of the bytes that were written."""

    digest: str
    size: int


class HashingCounter:
    """Counts and hashes bytes that pass through it."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._size = 0

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._sha.update(chunk)
            self._size += len(chunk)
            yield chunk

    @property
    def written(self) -> WrittenBytes:
        return WrittenBytes(self._sha.hexdigest(), self._size)


def write_atomically(
    path: Path, chunks: Iterable[bytes], *, before_replace: Callable[[WrittenBytes], None] = lambda _: None
) -> WrittenBytes:
    """Write a file of mode 0600. A reader sees either the old file or the whole new one.

    The content goes to a temporary file in the same folder, which then replaces `path`. `before_replace` is called
    between the two; if it raises, `path` stays unchanged.

    Raises:
        UsageError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    counter = HashingCounter()
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            file.writelines(counter.count(chunks))
        before_replace(counter.written)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"Cannot write {path}: {error.strerror}", remedy="Choose a different folder") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return counter.written


def make_private_folder(folder: Path) -> None:
    """Create a folder and its parents, if they do not exist, each with mode 0700.

    Raises:
        UsageError: the folder cannot be created.
    """
    try:
        for missing in [path for path in (*reversed(folder.parents), folder) if not path.exists()]:
            missing.mkdir(exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True)  # raises if it is a file
    except OSError as error:
        raise UsageError(f"Cannot create {folder}: {error.strerror}", remedy="Choose a different folder") from None


def check_writable(path: Path) -> None:
    """Check before any work that a file can be written.

    Raises:
        UsageError: its folder does not exist or is not writable, or `path` is a folder.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise UsageError(f"{path} is a folder", remedy=f"Name a file in it, such as {path / 'report'}")
    if not folder.is_dir():
        siblings = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        similar = did_you_mean(folder.name, siblings)
        raise UsageError(f"There is no folder {folder}", remedy=similar or "Create it first, or choose a different one")
    if not os.access(folder, os.W_OK):
        raise UsageError(
            f"Cannot write {path}: this user has no write permission in {folder}", remedy="Choose a different folder"
        )
