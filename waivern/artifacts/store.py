"""The ports for storing artifacts and for reading those of earlier runs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from waivern.messages.message import Message
from waivern.messages.schema import Schema


class ArtifactStore(ABC):
    """The artifacts of one run, by id. Thread-safe; each call returns when it is complete.

    Messages are stored by value: changing a message's content after `save` or `get` does not change the store.
    """

    @abstractmethod
    def save(self, artifact_id: str, message: Message) -> None:
        """Save a message; saving again replaces it.

        Raises:
            MessageError: the content is not JSON.
            ArtifactStoreError, DatabaseError: it could not be saved.
        """

    @abstractmethod
    def get(self, artifact_id: str) -> Message:
        """Return a saved message.

        Raises:
            ArtifactNotFoundError: there is no such artifact; the message names the existing ones.
            CorruptArtifactError: the stored content is not what was saved.
        """

    @abstractmethod
    def exists(self, artifact_id: str) -> bool:
        """Return whether the artifact exists."""

    @abstractmethod
    def list_artifacts(self) -> list[str]:
        """Return the ids of all artifacts, in the order in which they were first saved."""

    @abstractmethod
    def clear(self) -> None:
        """Delete all artifacts."""


@dataclass(frozen=True)
class PastArtifact:
    """An artifact of an earlier run that `PastArtifacts.find_artifact` found."""

    run_id: str
    artifact_id: str
    schema: Schema


class PastArtifacts(Protocol):
    """The artifacts of earlier runs, for `reuse:` in a runbook; the run history provides them."""

    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        """Find a succeeded artifact.

        Args:
            from_run: A run's id or unambiguous prefix, or "latest": the newest succeeded run of `runbook` that has
                the artifact.
            artifact_id: The artifact.
            runbook: The name of the runbook that "latest" refers to.

        Raises:
            RunError: the run does not exist.
            ArtifactNotFoundError: the run has no such artifact.
            PrunedArtifactError: the artifact's message was deleted.
        """
        ...

    def message_of(self, run_id: str, artifact: str) -> Message:
        """Return the message of an artifact that `find_artifact` found; raises as `ArtifactStore.get` does."""
        ...
