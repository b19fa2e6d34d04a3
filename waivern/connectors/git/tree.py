"""The files of a commit, read from git's object store: nothing is checked out, so no link, filter or hook is active."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from waivern.connectors.git.program import Git
from waivern.files.reading import TooLargeError, UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.processes import children

_LINK, _SUBMODULE = "120000", "160000"
_SKIPPED_MODES = {
    _LINK: ("a symbolic link: its target is scanned under its own name", ReasonCode.DUPLICATE),
    _SUBMODULE: ("a submodule, which is a separate repository", ReasonCode.LINK),
}
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_MAX_POINTER_SIZE = 1024


@dataclass(frozen=True)
class Entry:
    """An entry of a commit's tree: its path from the root of the repository, and the id of its content."""

    name: str
    mode: str
    blob: str

    def not_scanned(self) -> NotScanned | None:
        """Return why the entry is not read; None if it is a regular file."""
        reason_and_code = _SKIPPED_MODES.get(self.mode)
        return None if reason_and_code is None else NotScanned(self.name, *reason_and_code)


def entries_of(git: Git, commit: str, *, below: str) -> Iterator[Entry]:
    """Yield the entries of a commit's tree; `below` is a folder, "" for the root.

    Raises:
        GitError: the commit cannot be read.
        TimeoutError: the deadline has passed.
    """
    start = f"{below}/" if below else ""
    for line in git.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        if line:
            header, _, path = line.partition(b"\t")
            mode, _, blob = header.decode("ascii").split(" ")
            name = os.fsdecode(path)
            if name.startswith(start):
                yield Entry(name, mode, blob)


class Blobs:
    """Contents by id, read from one git process, which is killed when the block ends.

    Args:
        ids: The ids that will be read. Their sizes are queried first, so that no content beyond a limit is read.
    """

    def __init__(self, git: Git, ids: Sequence[str]) -> None:
        self._git = git
        self._sizes = _sizes(git, ids) if ids else {}

    def __enter__(self) -> Self:
        self._process = self._git.start("cat-file", "--batch", silent=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        children.kill(self._process)

    def read(self, blob: str, *, limit: int) -> bytes:
        """Return the content of a blob.

        Raises:
            TooLargeError: it has more than `limit` bytes.
            UnreadableError: it is missing in the repository, or is a Git LFS pointer.
        """
        size = self._sizes.get(blob)
        if size is None:
            raise UnreadableError("missing: the repository is damaged", ReasonCode.DAMAGED)
        if size > limit:
            raise TooLargeError(limit, size)
        content = self._request(blob, size)
        if size <= _MAX_POINTER_SIZE and content.startswith(_LFS_POINTER):
            reason = "a Git LFS pointer: its content is stored outside of the repository"
            raise UnreadableError(reason, ReasonCode.LINK)
        return content

    def _request(self, blob: str, size: int) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(f"{blob}\n".encode("ascii"))
            stdin.flush()
            header = stdout.readline().split()
            content = stdout.read(size + 1)  # a line end follows
        except OSError:
            header, content = [], b""
        if len(content) != size + 1 or header[-1:] != [str(size).encode("ascii")]:
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


def _sizes(git: Git, ids: Sequence[str]) -> Mapping[str, int]:
    output = git.run("cat-file", "--batch-check", stdin="\n".join([*ids, ""]).encode("ascii"))
    lines = (line.split() for line in output.decode("ascii", "replace").splitlines())
    return {line[0]: int(line[2]) for line in lines if len(line) == 3 and line[1] == "blob"}
