"""The ports through which artifacts are kept and found again."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from waivern.messages.message import Message
from waivern.messages.schema import Schema


class ArtifactStore(ABC):
    """The artifacts of one run, by id. Safe to use from several threads; each call returns when it is done.

    What is stored is a value: changing a message's content after `save`, or after `get`, changes nothing here.
    """

    @abstractmethod
    def save(self, artifact_id: str, message: Message) -> None:
        """Keep a message; saving twice keeps the later one.

        Raises:
            MessageError: the content is not JSON.
            ArtifactStoreError, DatabaseError: it could not be kept.
        """

    @abstractmethod
    def get(self, artifact_id: str) -> Message:
        """Return what was saved.

        Raises:
            ArtifactNotFoundError: there is no such artifact; names those there are.
            CorruptArtifactError: what is stored is not what was saved.
        """

    @abstractmethod
    def exists(self, artifact_id: str) -> bool:
        """Say whether `get` would find the artifact."""

    @abstractmethod
    def list_artifacts(self) -> list[str]:
        """Return the ids of all artifacts, in the order in which they were first saved."""

    @abstractmethod
    def clear(self) -> None:
        """Forget every artifact."""


@dataclass(frozen=True)
class PastArtifact:
    """An artifact of an earlier run, found by `PastArtifacts.find`."""

    run_id: str
    artifact_id: str
    schema: Schema


class PastArtifacts(ABC):
    """What earlier runs made; for `reuse:` in a runbook."""

    @abstractmethod
    def find(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        """Find a succeeded artifact.

        Args:
            from_run: A run's id or unambiguous prefix, or "latest": the newest succeeded run of `runbook` that
                made the artifact.

        Raises:
            RunError: there is no such run.
            ArtifactNotFoundError: the run has made no such artifact.
            PrunedArtifactError: what it made is not kept any more.
        """

    @abstractmethod
    def get(self, past: PastArtifact) -> Message:
        """Return the artifact's message; raises as `ArtifactStore.get` does."""
