"""Which files there are under a root, each exactly once, always in the same order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waivern.files.patterns import Choice
from waivern.files.reading import read_bytes
from waivern.messages.not_scanned import NotScanned, ReasonCode


@dataclass(frozen=True)
class File:
    """A file to read: `name` is its path relative to the root, `path` the one to open."""

    name: str
    path: str

    def read(self, *, limit: int) -> bytes:
        """Return its bytes, as `read_bytes` does."""
        return read_bytes(self.path, limit=limit)


@dataclass
class Walk:
    """The files below a folder, as far as the patterns mean them.

    Iterating gives each file as a `File` or as a `NotScanned`; what lies below a folder that is left out as a whole has
    no entry of its own. Folders are gone through by name. Symbolic links come last: what they lead to within the root
    is found under its own name anyway, so a link is read only where its target is a file of the root that was not
    read (its own name was not included); a link to a folder is never gone through, so there are no circles. A file
    that stands under two names is read under the first.

    Raises:
        OSError: the root cannot be listed.
    """

    root: str
    choice: Choice
    _links: list[File] = field(default_factory=list, init=False)
    _seen: dict[tuple[int, int], str] = field(default_factory=dict, init=False)

    def __iter__(self) -> Iterator[File | NotScanned]:
        self.root = os.path.realpath(self.root)
        self._links.clear()
        self._seen.clear()
        yield from self._below_root()
        for link in self._links:
            try:
                yield self._at_link(link)
            except OSError as error:  # whether its target is there cannot even be asked
                reason = f"a symbolic link that cannot be followed: {error.strerror}"
                yield NotScanned(link.name, reason, ReasonCode.UNREADABLE)

    def only(self, file: File) -> File | NotScanned:
        """Judge the one file that a runbook names instead of a folder, by its name."""
        return self.choice.skip_file(file.name) or file

    def _below_root(self) -> Iterator[File | NotScanned]:
        waiting = _listed(self.root, below="")
        while waiting:
            entry = waiting.pop()
            if not entry.is_folder:
                yield from self._at(entry)
                continue
            skipped = self.choice.skip_folder(entry.name)
            if skipped is not None:
                yield skipped
                continue
            try:
                waiting.extend(_listed(entry.path, below=f"{entry.name}/"))
            except OSError as error:
                reason = f"cannot be listed: {error.strerror}"
                yield NotScanned(f"{entry.name}/", reason, ReasonCode.UNREADABLE)

    def _at(self, entry: "_Entry") -> Iterator[File | NotScanned]:
        skipped = self.choice.skip_file(entry.name)
        if skipped is not None:
            yield skipped
        elif entry.is_link:
            self._links.append(File(entry.name, entry.path))
        else:
            yield self._once(File(entry.name, entry.path))

    def _at_link(self, link: File) -> File | NotScanned:
        target = Path(os.path.realpath(link.path))  # Path.resolve() may raise where links lead in a circle
        if not target.is_relative_to(self.root):
            return NotScanned(link.name, "a symbolic link that leads out of the root", ReasonCode.LINK)
        name = target.relative_to(self.root).as_posix()
        if target.is_dir():
            reason = f"a symbolic link to the folder {shown(name)}/, which has a name of its own"
            return NotScanned(link.name, reason, ReasonCode.DUPLICATE)
        if target.is_symlink() or not target.exists():  # what realpath leaves a link leads in a circle
            return NotScanned(link.name, "a symbolic link that leads to nothing", ReasonCode.LINK)
        excluded = self.choice.why_excluded(name)
        if excluded is not None:
            reason = f"a symbolic link to {shown(name)}, which is {excluded}"
            return NotScanned(link.name, reason, ReasonCode.EXCLUDED)
        return self._once(File(link.name, str(target)))

    def _once(self, file: File) -> File | NotScanned:
        try:
            status = Path(file.path).lstat()
        except OSError as error:
            return NotScanned(file.name, f"cannot be read: {error.strerror}", ReasonCode.UNREADABLE)
        if not stat.S_ISREG(status.st_mode):
            reason = "not a regular file (a pipe, a socket or a device)"
            return NotScanned(file.name, reason, ReasonCode.UNSUPPORTED)
        first = self._seen.setdefault((status.st_dev, status.st_ino), file.name)
        if first != file.name:
            return NotScanned(file.name, f"the same file as {shown(first)}", ReasonCode.DUPLICATE)
        return file


def shown(name: str) -> str:
    """Return a file's name as text: bytes that are not UTF-8 as `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class _Entry:
    name: str
    path: str
    is_folder: bool
    is_link: bool


def _listed(folder: str, *, below: str) -> list[_Entry]:
    """The folder's entries, the last name first: the next to visit is popped from the end."""
    with os.scandir(folder) as entries:
        found = [
            _Entry(below + entry.name, entry.path, entry.is_dir(follow_symlinks=False), entry.is_symlink())
            for entry in entries
        ]
    return sorted(found, key=lambda entry: entry.name, reverse=True)
