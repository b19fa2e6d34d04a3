"""Messages whose items are compressed."""

import functools
from collections.abc import Mapping
from typing import Any

from waivern.messages.canonical import canonical_bytes, content_of
from waivern.messages.canonical_form import CanonicalForm
from waivern.messages.compressed_items import CompressedSequence
from waivern.messages.message import Items, Message
from waivern.messages.schema import Schema


class CompressedMessage(Message):
    """A message whose list `key` is compressed; `envelope` is the rest of its content.

    It behaves as any other message: iterating `items_of(key)` keeps a few items in memory, `content` all of them.
    """

    key: str
    items: CompressedSequence
    _envelope: bytes

    def __init__(
        self,
        id: str,  # noqa: A002  the name of the field in Message
        envelope: Mapping[str, Any],
        key: str,
        items: CompressedSequence,
        schema: Schema,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        fields = {"id": id, "schema": schema, "context": context, "key": key, "items": items}
        self.__dict__.update(fields, _envelope=canonical_bytes(envelope))

    @functools.cached_property
    def envelope(self) -> Mapping[str, Any]:
        """The content without its list `key`."""
        return content_of(self._envelope)

    @functools.cached_property
    def content(self) -> Mapping[str, Any]:
        return {**content_of(self._envelope), self.key: list(self.items)}

    def items_of(self, key: str) -> Items | None:
        return self.items if key == self.key else Message(self.id, self.envelope, self.schema).items_of(key)

    def envelope_without(self, key: str) -> Mapping[str, Any]:
        return self.envelope if key == self.key else super().envelope_without(key)

    def canonical_form(self) -> CanonicalForm:
        return CanonicalForm.of_items(content_of(self._envelope), self.key, self.items)

    def copy(self) -> "CompressedMessage":
        """Return the original message: changes to the cached `content` and `envelope` are not in the copy."""
        return CompressedMessage(self.id, content_of(self._envelope), self.key, self.items, self.schema, self.context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        fields = (self.id, self.schema, self.context)
        return fields == (other.id, other.schema, other.context) and self.content == other.content

    __hash__ = None  # type: ignore[assignment]  # as for every Message, whose content is not hashable
