"""Messages whose items are compressed while they are produced and decompressed while they are read."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import zstandard

from waivern.messages.canonical import (
    PART_SIZE,
    CanonicalForm,
    canonical_bytes,
    compress,
    content_of,
    decode_items,
    encode_envelope,
)
from waivern.messages.frames import ConcatenatedFrames, FrameBuffer, InnerFrames
from waivern.messages.message import Items, Message
from waivern.messages.schema import Schema


@runtime_checkable
class CompressedSequence(Protocol):
    """Compressed items that can be iterated repeatedly."""

    @property
    def memory_bytes(self) -> int:
        """The bytes of memory that they use."""
        ...

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def parts(self) -> Iterator[bytes]:
        """Yield their JSON in parts, as a `CanonicalForm` does."""
        ...

    def frames(self) -> Iterable[bytes]:
        """Return the same parts, each compressed."""
        ...


class CompressedItems:
    """A list that is written first and read afterwards, with about one part of it decompressed in memory.

    Reading yields what JSON makes of the appended items, each time as new objects, as for a message from a store.
    """

    def __init__(self, items: Iterable[Any] = (), *, part_bytes: int = PART_SIZE) -> None:
        self._part_bytes = part_bytes
        self._written = FrameBuffer()
        self._frames: FrameBuffer | InnerFrames = self._written
        self._open_part = bytearray()
        self._length = 0
        self._is_counted = True
        self.extend(items)

    @classmethod
    def from_frames(cls, frames: InnerFrames) -> "CompressedItems":
        """Return the items of the compressed parts of a `CanonicalForm`, without its first and last part."""
        items = cls()
        items._frames, items._is_counted = frames, False
        return items

    @property
    def memory_bytes(self) -> int:
        """The bytes of memory that they use."""
        return self._frames.memory_bytes + len(self._open_part)

    def append(self, item: Any) -> None:
        """Append an item.

        Raises:
            MessageError: it is not JSON, or the temporary folder is full.
        """
        encoded = canonical_bytes(item)
        if self._length:
            self._open_part += b","
        self._open_part += encoded
        self._length += 1
        if len(self._open_part) >= self._part_bytes:
            self._written.append(compress(self._open_part))
            self._open_part = bytearray()

    def extend(self, items: Iterable[Any]) -> None:
        """Append several items; raises as `append`."""
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        if not self._is_counted:
            self._length, self._is_counted = sum(len(decode_items(part)) for part in self.parts()), True
        return self._length

    def __iter__(self) -> Iterator[Any]:
        for part in self.parts():
            yield from decode_items(part)

    def parts(self) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor()
        for frame in self._frames:
            yield decompressor.decompress(frame)
        if self._open_part:
            yield bytes(self._open_part)

    def frames(self) -> Iterable[bytes]:
        return ConcatenatedFrames(self._frames, (compress(self._open_part),) if self._open_part else ())


class ConcatenatedItems:
    """The items of several lists, one list after the other."""

    def __init__(self, lists: Sequence[CompressedSequence]) -> None:
        self._lists = [items for items in lists if len(items)]
        self.memory_bytes = sum(items.memory_bytes for items in lists)

    def __len__(self) -> int:
        return sum(map(len, self._lists))

    def __iter__(self) -> Iterator[Any]:
        for items in self._lists:
            yield from items

    def parts(self) -> Iterator[bytes]:
        for list_index, items in enumerate(self._lists):
            for part_index, part in enumerate(items.parts()):
                yield b"," + part if list_index and not part_index else part

    def frames(self) -> Iterable[bytes]:
        return FrameBuffer(map(compress, self.parts()))


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
        return _CompressedForm(content_of(self._envelope), self.key, self.items)

    def copy(self) -> "CompressedMessage":
        """Return the original message: changes to the cached `content` and `envelope` are not in the copy."""
        return CompressedMessage(self.id, content_of(self._envelope), self.key, self.items, self.schema, self.context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        fields = (self.id, self.schema, self.context)
        return fields == (other.id, other.schema, other.context) and self.content == other.content

    __hash__ = None  # type: ignore[assignment]  # as for every Message, whose content is not hashable


class _CompressedForm(CanonicalForm):
    def __init__(self, envelope: Mapping[str, Any], key: str, items: CompressedSequence) -> None:
        self._envelope = encode_envelope(envelope, key)
        self._items = items
        self._part_bytes = PART_SIZE
        self._compute_digest()

    def frames(self) -> Iterable[bytes]:
        if self.whole is not None:
            return super().frames()
        before, after = self._envelope
        return ConcatenatedFrames((compress(before),), self._items.frames(), (compress(after),))

    def _parts(self) -> Iterator[bytes]:
        before, after = self._envelope
        yield before
        yield from self._items.parts()
        yield after
