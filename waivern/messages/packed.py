"""Messages whose items are packed as they come and unpacked as they are read, so that few of them are in memory."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import zstandard

from waivern.messages.canonical import (
    PART,
    CanonicalForm,
    canonical_bytes,
    compressed,
    content_of,
    encoded_around,
    items_in_part,
)
from waivern.messages.frames import Frames, FramesInTurn, FramesWithin
from waivern.messages.message import Items, Message
from waivern.messages.schema import Schema


@runtime_checkable
class Packed(Protocol):
    """Items that can be gone through again and again, each time from the first."""

    @property
    def held_bytes(self) -> int:
        """The bytes of memory that they take."""
        ...

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def parts(self) -> Iterator[bytes]:
        """Yield their JSON as a `CanonicalForm` has it."""
        ...

    def frames(self) -> Iterable[bytes]:
        """Return the same parts, each compressed."""
        ...


class PackedItems:
    """A list that is written first and read afterwards, of which about one part is in memory unpacked.

    What is read is what JSON makes of what was appended: each time another object, as of a message from a store.
    """

    def __init__(self, items: Iterable[Any] = (), *, part_bytes: int = PART) -> None:
        self._part_bytes = part_bytes
        self._written = Frames()
        self._frames: Frames | FramesWithin = self._written
        self._open = bytearray()
        self._number = 0
        self._is_counted = True
        self.extend(items)

    @classmethod
    def of_frames(cls, frames: FramesWithin) -> "PackedItems":
        """Return the items of the compressed parts of a `CanonicalForm`, less what stands around them."""
        items = cls()
        items._frames, items._is_counted = frames, False
        return items

    @property
    def held_bytes(self) -> int:
        """The bytes of memory that they take."""
        return self._frames.held_bytes + len(self._open)

    def append(self, item: Any) -> None:
        """Add one.

        Raises:
            MessageError: it holds something that JSON cannot say, or there is no room for it.
        """
        encoded = canonical_bytes(item)
        if self._number:
            self._open += b","
        self._open += encoded
        self._number += 1
        if len(self._open) >= self._part_bytes:
            self._written.append(compressed(self._open))
            self._open = bytearray()

    def extend(self, items: Iterable[Any]) -> None:
        """Add several; raises as `append`."""
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        if not self._is_counted:
            self._number, self._is_counted = sum(len(items_in_part(part)) for part in self.parts()), True
        return self._number

    def __iter__(self) -> Iterator[Any]:
        for part in self.parts():
            yield from items_in_part(part)

    def parts(self) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor()
        for frame in self._frames:
            yield decompressor.decompress(frame)
        if self._open:
            yield bytes(self._open)

    def frames(self) -> Iterable[bytes]:
        return FramesInTurn(self._frames, (compressed(self._open),) if self._open else ())


class JoinedItems:
    """The items of several lists, one list after the other."""

    def __init__(self, several: Sequence[Packed]) -> None:
        self._several = [each for each in several if len(each)]
        self.held_bytes = sum(each.held_bytes for each in several)

    def __len__(self) -> int:
        return sum(map(len, self._several))

    def __iter__(self) -> Iterator[Any]:
        for each in self._several:
            yield from each

    def parts(self) -> Iterator[bytes]:
        for number, each in enumerate(self._several):
            for place, part in enumerate(each.parts()):
                yield b"," + part if number and not place else part

    def frames(self) -> Iterable[bytes]:
        return Frames(map(compressed, self.parts()))


class PackedMessage(Message):
    """A message whose list `key` is packed; `around` is the rest of its content.

    It is a message as any other: who goes through `items_of(key)` has a few items in memory, who asks for `content` has
    all of them.
    """

    key: str
    items: Packed
    _around: bytes

    def __init__(
        self,
        id: str,  # noqa: A002  what a message calls it
        around: Mapping[str, Any],
        key: str,
        items: Packed,
        schema: Schema,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        said = {"id": id, "schema": schema, "context": context, "key": key, "items": items}
        self.__dict__.update(said, _around=canonical_bytes(around))

    @functools.cached_property
    def around(self) -> Mapping[str, Any]:
        """The content without its list `key`."""
        return content_of(self._around)

    @functools.cached_property
    def content(self) -> Mapping[str, Any]:
        return {**content_of(self._around), self.key: list(self.items)}

    def items_of(self, key: str) -> Items | None:
        return self.items if key == self.key else Message(self.id, self.around, self.schema).items_of(key)

    def content_around(self, key: str) -> Mapping[str, Any]:
        return self.around if key == self.key else super().content_around(key)

    def canonical_form(self) -> CanonicalForm:
        return _PackedForm(content_of(self._around), self.key, self.items)

    def anew(self) -> "PackedMessage":
        """Return the same message, with nothing unpacked: what was changed in what was unpacked is not in it."""
        return PackedMessage(self.id, content_of(self._around), self.key, self.items, self.schema, self.context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        said = (self.id, self.schema, self.context)
        return said == (other.id, other.schema, other.context) and self.content == other.content

    __hash__ = None  # type: ignore[assignment]  # as any message's


class _PackedForm(CanonicalForm):
    def __init__(self, around: Mapping[str, Any], key: str, items: Packed) -> None:
        self._around = encoded_around(around, key)
        self._items = items
        self._part_bytes = PART
        self._sum_up()

    def frames(self) -> Iterable[bytes]:
        if self.whole is not None:
            return super().frames()
        before, after = self._around
        return FramesInTurn((compressed(before),), self._items.frames(), (compressed(after),))

    def _made(self) -> Iterator[bytes]:
        before, after = self._around
        yield before
        yield from self._items.parts()
        yield after
