"""One message: what an artifact is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from waivern.messages.schema import Schema

if TYPE_CHECKING:
    from waivern.messages.canonical import CanonicalForm


class Items(Protocol):
    """What can be counted, and gone through again and again."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Message:
    """Content of a known shape.

    Args:
        id: A name that the producer gives the message; may be empty.
        content: A JSON object. It is a value, never changed after it was handed over, and holds neither clock
            times nor random ids, so that the same content is kept once.
        schema: The shape that `content` has.
        context: What else is known of the message (JSON); kept beside the content, not part of its digest.
    """

    id: str
    content: Mapping[str, Any]
    schema: Schema
    context: Mapping[str, Any] | None = None

    def items_of(self, key: str) -> Items | None:
        """Return the content's list `key`, or None where it has none.

        Of a large message that is kept packed a few items are in memory at a time, where `content` has all of them.
        """
        items = self.content.get(key)
        return items if isinstance(items, list | tuple) else None

    def content_around(self, key: str) -> Mapping[str, Any]:
        """Return the content without its list `key`."""
        return {name: value for name, value in self.content.items() if name != key}

    def canonical_form(self) -> "CanonicalForm":
        """Return the content's canonical bytes, in parts where they are many.

        Raises:
            MessageError: it holds something that JSON cannot say.
        """
        from waivern.messages.canonical import CanonicalForm  # whoever only makes messages needs no msgspec

        return CanonicalForm(self.content)
