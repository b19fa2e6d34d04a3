"""The port through which runs leave a database in a bundle, and come into another one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Archived:
    """What a bundle holds: runs by id, contents, events, and its SHA-256."""

    runs: Sequence[str]
    contents: int
    events: int
    sha256: str


@dataclass(frozen=True)
class Restored:
    """What came of a bundle: runs by id, and those that were there already, the same."""

    runs: Sequence[str]
    there_already: Sequence[str]
    contents: int
    events: int
    decisions_left_out: int


class Archives(ABC):
    """Bundles of runs, with all that is remembered of them."""

    @abstractmethod
    def archive(self, run_ids: Sequence[str], path: Path, *, actor: str) -> Archived:
        """Write runs into a file, as they are at one moment; a file that is there already is replaced.

        Raises:
            RunError: one of them has not ended.
            UsageError: the file cannot be written.
        """

    @abstractmethod
    def restore(self, path: Path, *, actor: str) -> Restored:
        """Take in all runs of a file, or none.

        Raises:
            ArchiveError: it is no archive, damaged, of another version, or holds a run that is here and another one.
            EncryptionError: its contents are encrypted under a key that is not known.
        """
