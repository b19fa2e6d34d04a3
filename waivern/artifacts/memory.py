"""The in-memory artifact store, for tests and for runs that are not recorded."""

import threading

from waivern.artifacts.cached_message import CachedMessage
from waivern.artifacts.store import ArtifactStore
from waivern.errors import ArtifactNotFoundError
from waivern.messages.message import Message


class InMemoryArtifactStore(ArtifactStore):
    """Stores content as canonical or compressed bytes, so that it behaves exactly as a store on disk."""

    def __init__(self) -> None:
        self._artifacts: dict[str, CachedMessage] = {}
        self._lock = threading.Lock()

    def save(self, artifact_id: str, message: Message) -> None:
        cached = CachedMessage.from_message(message)
        with self._lock:
            self._artifacts[artifact_id] = cached

    def get(self, artifact_id: str) -> Message:
        with self._lock:
            cached = self._artifacts.get(artifact_id)
            if cached is None:
                raise ArtifactNotFoundError(artifact_id, list(self._artifacts))
        return cached.message()

    def exists(self, artifact_id: str) -> bool:
        with self._lock:
            return artifact_id in self._artifacts

    def list_artifacts(self) -> list[str]:
        with self._lock:
            return list(self._artifacts)

    def clear(self) -> None:
        with self._lock:
            self._artifacts.clear()
