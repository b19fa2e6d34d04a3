"""The messages of a run that were saved last."""

import threading
from collections import OrderedDict

from waivern.artifacts.cached_message import CachedMessage
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message


class RecentMessages:
    """The messages that were saved last, up to a number of bytes: they are likely to be read next."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._cached_bytes = 0
        self._contents: OrderedDict[str, CachedMessage] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, artifact_id: str, message: Message, canonical: bytes | None) -> None:
        """Cache a message; one that is too large to have its canonical bytes at hand only if it is compressed."""
        is_small = canonical is not None or isinstance(message, CompressedMessage)
        cached = CachedMessage.from_message(message, canonical) if is_small else None
        with self._lock:
            self._drop(artifact_id)
            if cached is None:
                return
            self._contents[artifact_id] = cached
            self._cached_bytes += cached.size
            while self._cached_bytes > self._max_bytes:
                self._drop(next(iter(self._contents)))

    def get(self, artifact_id: str) -> Message | None:
        with self._lock:
            cached = self._contents.get(artifact_id)
        return None if cached is None else cached.message()

    def clear(self) -> None:
        with self._lock:
            self._contents.clear()
            self._cached_bytes = 0

    def _drop(self, artifact_id: str) -> None:
        dropped = self._contents.pop(artifact_id, None)
        if dropped is not None:
            self._cached_bytes -= dropped.size
