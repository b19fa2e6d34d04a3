"""Walking the files below a folder: each exactly once, always in the same order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waivern.files.patterns import PathFilter
from waivern.files.reading import read_bytes
from waivern.messages.not_scanned import NotScanned, ReasonCode


@dataclass(frozen=True)
class File:
    """A file to read: `name` is its path relative to the root, `path` the one to open."""

    name: str
    path: str

    def read(self, *, limit: int) -> bytes:
        """Return its bytes; see `read_bytes`."""
        return read_bytes(self.path, limit=limit)


@dataclass
class Walk:
    """The files below a folder that the patterns select.

    Iterating yields each file as a `File` or as `NotScanned`. A folder that is excluded as a whole is one entry;
    nothing below it has an entry of its own. Folders are visited in the order of their names.

    Symbolic links come last. Their target, if it is below the root, is usually found under its own name, so a link is
    read only if its target was not (because its own name is not included). Links to folders are never followed, so
    there are no cycles. A file with two hard links is read under the first name.

    Raises:
        OSError: the root cannot be listed.
    """

    root: str
    paths: PathFilter
    _links: list[File] = field(default_factory=list, init=False)
    _seen: dict[tuple[int, int], str] = field(default_factory=dict, init=False)

    def __iter__(self) -> Iterator[File | NotScanned]:
        self.root = os.path.realpath(self.root)
        self._links.clear()
        self._seen.clear()
        yield from self._below_root()
        for link in self._links:
            try:
                yield self._follow(link)
            except OSError as error:  # not even the target's existence can be checked
                reason = f"a symbolic link that cannot be followed: {error.strerror}"
                yield NotScanned(link.name, reason, ReasonCode.UNREADABLE)

    def filter_file(self, file: File) -> File | NotScanned:
        """Apply the patterns to a single file that a runbook names instead of a folder."""
        return self.paths.skip_file(file.name) or file

    def _below_root(self) -> Iterator[File | NotScanned]:
        waiting = _list_folder(self.root, prefix="")
        while waiting:
            entry = waiting.pop()
            if not entry.is_folder:
                yield from self._visit(entry)
                continue
            skipped = self.paths.skip_folder(entry.name)
            if skipped is not None:
                yield skipped
                continue
            try:
                waiting.extend(_list_folder(entry.path, prefix=f"{entry.name}/"))
            except OSError as error:
                reason = f"cannot be listed: {error.strerror}"
                yield NotScanned(f"{entry.name}/", reason, ReasonCode.UNREADABLE)

    def _visit(self, entry: "_Entry") -> Iterator[File | NotScanned]:
        skipped = self.paths.skip_file(entry.name)
        if skipped is not None:
            yield skipped
        elif entry.is_link:
            self._links.append(File(entry.name, entry.path))
        else:
            yield self._once(File(entry.name, entry.path))

    def _follow(self, link: File) -> File | NotScanned:
        target = Path(os.path.realpath(link.path))  # Path.resolve() may raise on a cycle of links
        if not target.is_relative_to(self.root):
            return NotScanned(link.name, "a symbolic link that leads out of the root", ReasonCode.LINK)
        name = target.relative_to(self.root).as_posix()
        if target.is_dir():
            reason = f"a symbolic link to the folder {printable_name(name)}/, which is scanned under its own name"
            return NotScanned(link.name, reason, ReasonCode.DUPLICATE)
        if target.is_symlink() or not target.exists():  # realpath() leaves a link unresolved if it is in a cycle
            return NotScanned(link.name, "a symbolic link that leads to nothing", ReasonCode.LINK)
        exclusion = self.paths.exclusion_of(name)
        if exclusion is not None:
            reason = f"a symbolic link to {printable_name(name)}, which is {exclusion}"
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
            return NotScanned(file.name, f"the same file as {printable_name(first)}", ReasonCode.DUPLICATE)
        return file


def printable_name(name: str) -> str:
    """Return a file name as text; bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class _Entry:
    name: str
    path: str
    is_folder: bool
    is_link: bool


def _list_folder(folder: str, *, prefix: str) -> list[_Entry]:
    """Return the folder's entries in reverse order: the next one to visit is popped from the end."""
    with os.scandir(folder) as entries:
        found = [
            _Entry(prefix + entry.name, entry.path, entry.is_dir(follow_symlinks=False), entry.is_symlink())
            for entry in entries
        ]
    return sorted(found, key=lambda entry: entry.name, reverse=True)
