"""A message held in memory as a value: nothing that is done to what was given, or is taken out, changes it."""

from dataclasses import dataclass

from waivern.messages.canonical import canonical_bytes, content_of
from waivern.messages.message import Message
from waivern.messages.packed import PackedMessage


@dataclass(frozen=True)
class HeldMessage:
    """A packed message as it is, of any other its canonical bytes; `size` says how many bytes of memory it takes."""

    envelope: Message
    canonical: bytes | None
    size: int

    @classmethod
    def of(cls, message: Message, canonical: bytes | None = None) -> "HeldMessage":
        """Hold a message, whose canonical bytes may be known already.

        Raises:
            MessageError: its content is not JSON.
        """
        if canonical is None and isinstance(message, PackedMessage):
            return cls(message.anew(), None, message.items.held_bytes)
        canonical = canonical_bytes(message.content) if canonical is None else canonical
        return cls(Message(message.id, {}, message.schema, message.context), canonical, len(canonical))

    def message(self) -> Message:
        """Return it, each time another object."""
        if isinstance(self.envelope, PackedMessage):
            return self.envelope.anew()
        envelope = self.envelope
        return Message(envelope.id, content_of(self.canonical or b"{}"), envelope.schema, envelope.context)
