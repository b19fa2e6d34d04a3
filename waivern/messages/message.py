"""A message: the content of an artifact."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from waivern.messages.schema import Schema

if TYPE_CHECKING:
    from waivern.messages.canonical_form import CanonicalForm


class Items(Protocol):
    """A list of items that has a length and can be iterated repeatedly."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Message:
    """Content that follows a schema.

    Args:
        id: A name that the producer chooses; may be empty.
        content: A JSON object. It must not be changed after the message was created, and contains neither clock times
            nor random ids, so that equal content is stored once.
        schema: The schema of `content`.
        context: Additional information (JSON); stored with the content, but not part of its digest.
    """

    id: str
    content: Mapping[str, Any]
    schema: Schema
    context: Mapping[str, Any] | None = None

    def items_of(self, key: str) -> Items | None:
        """Return the list `key` of the content; None if there is none.

        Iterating the items of a compressed message keeps only a few in memory, while `content` decompresses them all.
        """
        items = self.content.get(key)
        return items if isinstance(items, list | tuple) else None

    def envelope_without(self, key: str) -> Mapping[str, Any]:
        """Return the content without the list `key`."""
        return {name: value for name, value in self.content.items() if name != key}

    def canonical_form(self) -> "CanonicalForm":
        """Return the form in which the content is identified and stored.

        Raises:
            MessageError: the content is not JSON.
        """
        from waivern.messages.canonical_form import (
            CanonicalForm,  # imported late: creating a message does not need msgspec
        )

        return CanonicalForm(self.content)
