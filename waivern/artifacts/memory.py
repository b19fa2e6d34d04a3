"""Artifacts kept in memory, for tests and for runs that nobody asks about later."""

import threading

from waivern.artifacts.held import HeldMessage
from waivern.artifacts.store import ArtifactStore
from waivern.errors import ArtifactNotFoundError
from waivern.messages.message import Message


class InMemoryArtifactStore(ArtifactStore):
    """Keeps content as canonical bytes or packed, so that it behaves to the letter as a store on disk does."""

    def __init__(self) -> None:
        self._artifacts: dict[str, HeldMessage] = {}
        self._changing = threading.Lock()

    def save(self, artifact_id: str, message: Message) -> None:
        kept = HeldMessage.of(message)
        with self._changing:
            self._artifacts[artifact_id] = kept

    def get(self, artifact_id: str) -> Message:
        with self._changing:
            kept = self._artifacts.get(artifact_id)
            if kept is None:
                raise ArtifactNotFoundError(artifact_id, list(self._artifacts))
        return kept.message()

    def exists(self, artifact_id: str) -> bool:
        with self._changing:
            return artifact_id in self._artifacts

    def list_artifacts(self) -> list[str]:
        with self._changing:
            return list(self._artifacts)

    def clear(self) -> None:
        with self._changing:
            self._artifacts.clear()
