"""The port for deleting and encrypting stored content, with the values that it takes and returns."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from waivern.caller import Caller


@dataclass(frozen=True)
class PruneRequest:
    """What to prune: content whose retention period has expired, or more.

    Args:
        runbook: Only content of this runbook's runs.
        older_than: Also all content of runs that ended longer ago than this, whatever its `retain` is.
    """

    runbook: str | None = None
    older_than: timedelta | None = None


@dataclass(frozen=True)
class PrunedArtifact:
    """An artifact whose content was deleted, or would be; its digest, size and place in the history remain."""

    run_id: str
    runbook: str
    artifact_id: str
    digest: str
    reason: str


@dataclass(frozen=True)
class PruneResult:
    """What was pruned, or would be.

    Args:
        artifacts: The artifacts that lost their content, the oldest runs first.
        deleted_contents: How many stored contents were deleted: fewer than artifacts if some share one, or if an
            artifact that is not pruned still references it.
        freed_bytes: The size of these contents in the database.
        unused_bytes: For a SQLite file, its free space afterwards, which new data uses first; else None.
    """

    artifacts: Sequence[PrunedArtifact]
    deleted_contents: int
    freed_bytes: int
    unused_bytes: int | None = None


@dataclass(frozen=True)
class ContentUse:
    """An artifact of a run that holds a content."""

    run_id: str
    runbook: str
    artifact_id: str


@dataclass(frozen=True)
class ErasableContent:
    """A stored content and the artifacts that hold it; none if all of them were pruned."""

    digest: str
    size: int
    uses: Sequence[ContentUse]


@dataclass(frozen=True)
class KeyUsage:
    """A key-encryption key: the number of contents that use it, and whether it is available and current here."""

    key_id: str
    contents: int
    is_available: bool
    is_current: bool


@dataclass(frozen=True)
class EncryptionStatus:
    """The keys in use, how many contents are stored unencrypted, and how many were deleted (tombstones)."""

    keys: Sequence[KeyUsage]
    unencrypted: int
    tombstones: int


@dataclass(frozen=True)
class RotationResult:
    """How many contents' keys were encrypted again, and how many could not be, by the id of the unavailable key."""

    rotated: int
    unavailable: Mapping[str, int]


class Retention(ABC):
    """Stored content: what is pruned, what is erased, and which keys encrypt it."""

    @abstractmethod
    def prune(self, request: PruneRequest, *, caller: Caller) -> PruneResult:
        """Delete the content that is due; if the process is killed, the next call continues."""

    @abstractmethod
    def preview_prune(self, request: PruneRequest) -> PruneResult:
        """Return what `prune` would do, without changes."""

    @abstractmethod
    def reclaim_space(self) -> bool:
        """Return a SQLite file's free space to the file system; False for a server, which does that by itself.

        Raises:
            DatabaseUnavailableError: another process writes, or there is no disk space for a copy of the file.
        """

    @abstractmethod
    def find_contents(self, texts: Collection[str]) -> Sequence[ErasableContent]:
        """Return the contents that contain one of the texts, ignoring case; reads every stored content.

        Raises:
            EncryptionError: a content is encrypted under a key that is not available.
            CorruptArtifactError: a content is not what was saved.
        """

    @abstractmethod
    def contents_of_run(self, run_id: str, artifact_id: str | None = None) -> Sequence[ErasableContent]:
        """Return the contents of a run, or of one artifact of it."""

    @abstractmethod
    def count_mentions(self, texts: Collection[str]) -> Mapping[str, int]:
        """Return how many rows outside stored content contain one of the texts, by kind of row; they are not erased."""

    @abstractmethod
    def erase(self, digests: Collection[str], *, reason: str, caller: Caller) -> int:
        """Destroy the keys and bytes of these contents; return how many were stored.

        Every artifact that held one reads as erased afterwards; digests, finding rows and history remain.

        Raises:
            RunError: an unfinished run holds one; contents of earlier batches stay erased.
        """

    @abstractmethod
    def encryption_status(self) -> EncryptionStatus:
        """Return which keys are in use."""

    @abstractmethod
    def rotate_keys(self, *, caller: Caller) -> RotationResult:
        """Encrypt every data key under the current key, without touching content; a killed call can be repeated.

        Raises:
            EncryptionError: there is no key.
        """

    @abstractmethod
    def encrypt_contents(self, *, caller: Caller) -> int:
        """Encrypt content that is stored unencrypted; return how many contents. A killed call can be repeated.

        Raises:
            EncryptionError: there is no key, or the other contents are encrypted under an unavailable one.
        """
