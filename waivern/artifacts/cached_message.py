"""A message cached in memory by value: changes to the given or the returned message do not affect it."""

from dataclasses import dataclass

from waivern.messages.canonical import canonical_bytes, content_of
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message


@dataclass(frozen=True)
class CachedMessage:
    """A compressed message as it is, any other message as its canonical bytes; `size` is the memory used, in bytes."""

    envelope: Message
    canonical: bytes | None
    size: int

    @classmethod
    def from_message(cls, message: Message, canonical: bytes | None = None) -> "CachedMessage":
        """Cache a message, whose canonical bytes may be known already.

        Raises:
            MessageError: its content is not JSON.
        """
        if canonical is None and isinstance(message, CompressedMessage):
            return cls(message.copy(), None, message.items.memory_bytes)
        canonical = canonical_bytes(message.content) if canonical is None else canonical
        return cls(Message(message.id, {}, message.schema, message.context), canonical, len(canonical))

    def message(self) -> Message:
        """Return the message, each time as a new object."""
        if isinstance(self.envelope, CompressedMessage):
            return self.envelope.copy()
        envelope = self.envelope
        return Message(envelope.id, content_of(self.canonical or b"{}"), envelope.schema, envelope.context)
