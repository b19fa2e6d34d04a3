"""The port through which what messages hold of a person, or of a run, is erased."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class HeldBy:
    """A message that holds a content."""

    run_id: str
    runbook: str
    artifact_id: str


@dataclass(frozen=True)
class ErasableContent:
    """A content that is stored, and the messages that hold it; none where they were pruned."""

    digest: str
    size: int
    messages: Sequence[HeldBy]


class Eraser(ABC):
    """Finds contents and erases them, whoever keeps them."""

    @abstractmethod
    def containing(self, texts: Collection[str]) -> Sequence[ErasableContent]:
        """Return the contents that hold one of the texts, in capitals or small; reads every content once.

        Raises:
            EncryptionError: one is encrypted under a key that is not known, so that nobody can say.
            CorruptArtifactError: one is not what was saved.
        """

    @abstractmethod
    def held_by(self, run_id: str, artifact_id: str | None = None) -> Sequence[ErasableContent]:
        """Return the contents of a run's messages, or of one of them."""

    @abstractmethod
    def named_elsewhere(self, texts: Collection[str]) -> Mapping[str, int]:
        """Return how many rows beside messages hold one of the texts, by what they are; these are not erased."""

    @abstractmethod
    def erase(self, digests: Collection[str], *, reason: str, actor: str) -> int:
        """Destroy the keys and the bytes of these contents; return how many there were.

        Every message that held one reads as erased from then on; digests, findings' rows and history stay.

        Raises:
            RunError: a run that is still going holds one; what was erased before that stays erased.
        """
