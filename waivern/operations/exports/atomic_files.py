"""Files that only their owner may read, written whole or not at all."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Written:
    """What was written: the SHA-256 of the bytes, and how many there are."""

    digest: str
    size: int


class Tally:
    """Counts and digests bytes while they pass."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._size = 0

    def counted(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            self._sha.update(part)
            self._size += len(part)
            yield part

    @property
    def written(self) -> Written:
        return Written(self._sha.hexdigest(), self._size)


def write_atomically(
    path: Path, parts: Iterable[bytes], *, noted: Callable[[Written], None] = lambda _: None
) -> Written:
    """Write a file of mode 0600 beside its place, then put it there: a reader never sees half of it.

    A file that is there already is replaced. `noted` is told what was written before it is put in place: where that
    fails, nothing is.

    Raises:
        UsageError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    tally = Tally()
    try:
        with open(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            file.writelines(tally.counted(parts))
        noted(tally.written)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="Name another folder") from None
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return tally.written


def make_private_folder(folder: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", remedy="Name another folder") from None


def check_writable(path: Path) -> None:
    """Find out before any work that a file could not be written there.

    Raises:
        UsageError: its folder is missing or may not be written in, or it is a folder itself.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise UsageError(f"{path} is a folder", remedy=f"Name a file in it, such as {path / 'report'}")
    if not folder.is_dir():
        beside = [each.name for each in folder.parent.iterdir()] if folder.parent.is_dir() else []
        near = did_you_mean(folder.name, beside)
        raise UsageError(f"There is no folder {folder}", remedy=near or "Make it first, or name another")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path} cannot be written: this user may not write in {folder}", remedy="Name another folder")
