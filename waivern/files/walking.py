"""Which files there are under a root, each exactly once, always in the same order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waivern.files.patterns import Choice
from waivern.files.reading import read_bytes


@dataclass(frozen=True)
class File:
    """A file to read: `name` is its path relative to the root, `path` the one to open."""

    name: str
    path: str

    def read(self, *, limit: int) -> bytes:
        """Return its bytes, as `read_bytes` does."""
        return read_bytes(self.path, limit=limit)


@dataclass(frozen=True)
class LeftOut:
    """Something that is not read, by its path relative to the root, and why; a folder's ends in "/"."""

    what: str
    why: str


@dataclass
class Walk:
    """The files below a folder, as far as the patterns mean them.

    Iterating gives each file as a `File` or as a `LeftOut`; what lies below a folder that is left out as a whole has
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

    def __iter__(self) -> Iterator[File | LeftOut]:
        self.root = os.path.realpath(self.root)
        self._links.clear()
        self._seen.clear()
        yield from self._below_root()
        for link in self._links:
            try:
                yield self._at_link(link)
            except OSError as error:  # whether its target is there cannot even be asked
                yield LeftOut(link.name, f"a symbolic link that cannot be followed: {error.strerror}")

    def only(self, file: File) -> File | LeftOut:
        """Judge the one file that a runbook names instead of a folder, by its name."""
        why_not = self.choice.why_not(file.name)
        return LeftOut(file.name, why_not) if why_not is not None else file

    def _below_root(self) -> Iterator[File | LeftOut]:
        waiting = _listed(self.root, below="")
        while waiting:
            entry = waiting.pop()
            if not entry.is_folder:
                yield from self._at(entry)
                continue
            excluded = self.choice.why_nothing_of(entry.name)
            if excluded is not None:
                yield LeftOut(f"{entry.name}/", excluded)
                continue
            try:
                waiting.extend(_listed(entry.path, below=f"{entry.name}/"))
            except OSError as error:
                yield LeftOut(f"{entry.name}/", f"cannot be listed: {error.strerror}")

    def _at(self, entry: "_Entry") -> Iterator[File | LeftOut]:
        why_not = self.choice.why_not(entry.name)
        if why_not is not None:
            yield LeftOut(entry.name, why_not)
        elif entry.is_link:
            self._links.append(File(entry.name, entry.path))
        else:
            yield self._once(File(entry.name, entry.path))

    def _at_link(self, link: File) -> File | LeftOut:
        target = Path(os.path.realpath(link.path))  # Path.resolve() may raise where links lead in a circle
        if not target.is_relative_to(self.root):
            return LeftOut(link.name, "a symbolic link that leads out of the root")
        name = target.relative_to(self.root).as_posix()
        if target.is_dir():
            return LeftOut(link.name, f"a symbolic link to the folder {shown(name)}/, which has a name of its own")
        if target.is_symlink() or not target.exists():  # what realpath leaves a link leads in a circle
            return LeftOut(link.name, "a symbolic link that leads to nothing")
        excluded = self.choice.why_excluded(name)
        if excluded is not None:
            return LeftOut(link.name, f"a symbolic link to {shown(name)}, which is {excluded}")
        return self._once(File(link.name, str(target)))

    def _once(self, file: File) -> File | LeftOut:
        try:
            status = Path(file.path).lstat()
        except OSError as error:
            return LeftOut(file.name, f"cannot be read: {error.strerror}")
        if not stat.S_ISREG(status.st_mode):
            return LeftOut(file.name, "no regular file (a pipe, a socket or a device)")
        first = self._seen.setdefault((status.st_dev, status.st_ino), file.name)
        if first != file.name:
            return LeftOut(file.name, f"the same file as {shown(first)}")
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
