"""The runbooks in a folder, and the files and folders in it that cannot be read."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class RunbookFiles:
    """The YAML files of a folder, sorted by path, and why other files and folders in it cannot be read, by path."""

    files: Sequence[Path]
    unreadable: Mapping[Path, str]

    def is_unreadable(self, path: Path) -> bool:
        """Return whether a file cannot be read, or a folder above it."""
        return any(place in self.unreadable for place in (path, *path.parents))


def runbook_files(folder: Path) -> RunbookFiles:
    """Search a folder recursively for YAML files, except for hidden files and folders.

    Links to folders are not followed. Unreadable files and folders are listed; the search continues.
    """
    files: list[Path] = []
    unreadable: dict[Path, str] = {}

    def note(error: OSError) -> None:
        unreadable[Path(str(error.filename))] = _reason(error)

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if path.suffix not in _SUFFIXES or name.startswith("."):
                continue
            try:
                is_file = stat.S_ISREG(path.stat().st_mode)
            except OSError as error:
                if path.is_symlink() or not isinstance(error, FileNotFoundError):  # otherwise it was just removed
                    unreadable[path] = _reason(error)
                continue
            if is_file:
                files.append(path)
            else:
                unreadable[path] = "It is not a regular file"
    return RunbookFiles(sorted(files), unreadable)


def _reason(error: OSError) -> str:
    return f"It cannot be read: {error.strerror or type(error).__name__}"
