"""The files of a commit, out of git's own store: as nothing is checked out, no link, filter or hook does anything."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from waivern.connectors.git.program import Git, end
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode

_LINK, _SUBMODULE = "120000", "160000"
_WHY_NOT = {
    _LINK: ("a symbolic link: what it leads to has a name of its own", ReasonCode.DUPLICATE),
    _SUBMODULE: ("a submodule, which is a repository of its own", ReasonCode.LINK),
}
_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024


@dataclass(frozen=True)
class Entry:
    """What stands in a commit's tree: its path from the top of the repository, and the id of its content."""

    name: str
    mode: str
    blob: str

    def left_out(self) -> NotScanned | None:
        """Return why it is no file that can be read; None where it is one."""
        why_not = _WHY_NOT.get(self.mode)
        return None if why_not is None else NotScanned(self.name, *why_not)


def entries_of(git: Git, commit: str, *, below: str) -> Iterator[Entry]:
    """Yield what stands in a commit's tree; `below` is the folder that is meant, "" for all.

    Raises:
        GitError: the commit cannot be read.
        TimeoutError: that took too long.
    """
    start = f"{below}/" if below else ""
    for line in git.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        if line:
            said, _, path = line.partition(b"\t")
            mode, _, blob = said.decode("ascii").split(" ")
            name = os.fsdecode(path)
            if name.startswith(start):
                yield Entry(name, mode, blob)


class Blobs:
    """Contents by their ids, handed out by one git process, which is ended with the block.

    Args:
        wanted: The ids that will be asked for; their sizes are asked first, so that no large content is handed over
            to be thrown away.
    """

    def __init__(self, git: Git, wanted: Sequence[str]) -> None:
        self._git = git
        self._sizes = _sizes(git, wanted) if wanted else {}

    def __enter__(self) -> Self:
        self._process = self._git.start("cat-file", "--batch", silent=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._process)

    def read(self, blob: str, *, limit: int) -> bytes:
        """Return a content.

        Raises:
            TooLargeError: it has more than `limit` bytes.
            UnreadableError: the repository does not hold it, or it is a pointer to a content kept elsewhere.
        """
        size = self._sizes.get(blob)
        if size is None:
            raise UnreadableError("missing in the repository, which is damaged", ReasonCode.DAMAGED)
        if size > limit:
            raise TooLargeError(limit, size)
        content = self._handed_out(blob, size)
        if size <= _LONGEST_POINTER and content.startswith(_POINTER):
            reason = "a pointer to Git LFS, which holds the content outside of the repository"
            raise UnreadableError(reason, ReasonCode.LINK)
        return content

    def _handed_out(self, blob: str, size: int) -> bytes:
        asked, handed = self._process.stdin, self._process.stdout
        assert asked is not None
        assert handed is not None
        try:
            asked.write(f"{blob}\n".encode("ascii"))
            asked.flush()
            said = handed.readline().split()
            content = handed.read(size + 1)  # a line end follows
        except OSError:
            said, content = [], b""
        if len(content) != size + 1 or said[-1:] != [str(size).encode("ascii")]:
            raise UnreadableError("cannot be read: the repository is damaged", ReasonCode.DAMAGED)
        return content[:-1]


@dataclass(frozen=True)
class CommittedFile:
    """A file of a commit."""

    name: str
    blob: str
    blobs: Blobs

    def read(self, *, limit: int) -> bytes:
        return self.blobs.read(self.blob, limit=limit)


def _sizes(git: Git, wanted: Sequence[str]) -> Mapping[str, int]:
    said = git.run("cat-file", "--batch-check", given="\n".join([*wanted, ""]).encode("ascii"))
    lines = (line.split() for line in said.decode("ascii", "replace").splitlines())
    return {line[0]: int(line[2]) for line in lines if len(line) == 3 and line[1] == "blob"}
