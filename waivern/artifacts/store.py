"""The ports through which artifacts are kept and found again."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

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
