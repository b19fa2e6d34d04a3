"""Lists whose items are compressed while they are written and decompressed while they are read."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from waivern.messages.canonical import canonical_bytes, compress, decode_items, decompress, digest_of
from waivern.messages.frames import FrameBuffer
from waivern.messages.parts import DEFAULT_SIZES, Part, PartBorders, PartSizes


@runtime_checkable
class CompressedSequence(Protocol):
    """Compressed items in parts, which can be iterated repeatedly."""

    @property
    def memory_bytes(self) -> int:
        """The bytes of memory that they use."""
        ...

    @property
    def parts(self) -> Sequence[Part]:
        """The parts, none of which is empty."""
        ...

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def frames(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        """Yield parts as compressed JSON arrays: those at `positions`, or all."""
        ...

    def arrays(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        """Yield parts as JSON arrays: those at `positions`, or all."""
        ...


class CompressedItems:
    """A list that is written first and read afterwards, with about one part of it decompressed in memory.

    Reading yields what JSON makes of the appended items, each time as new objects, as for a message from a store.
    """

    def __init__(self, items: Iterable[Any] = (), *, sizes: PartSizes = DEFAULT_SIZES) -> None:
        self._borders = PartBorders(sizes)
        self._frames = FrameBuffer()
        self._complete: list[Part] = []
        self._open = bytearray()
        self._open_items = 0
        self._length = 0
        self.extend(items)

    @property
    def memory_bytes(self) -> int:
        """The bytes of memory that they use."""
        return self._frames.memory_bytes + len(self._open)

    @property
    def parts(self) -> Sequence[Part]:
        """The parts."""
        return [*self._complete, _part_of(self._open_array(), self._open_items)] if self._open_items else self._complete

    def append(self, item: Any) -> None:
        """Append an item.

        Raises:
            MessageError: it is not JSON, or the temporary folder is full.
        """
        encoded = canonical_bytes(item)
        ends_before, ends_after = self._borders.ends(item, encoded)
        if ends_before:
            self._complete_part()
        self._open += b"," if self._open_items else b"["
        self._open += encoded
        self._open_items += 1
        self._length += 1
        if ends_after:
            self._complete_part()

    def extend(self, items: Iterable[Any]) -> None:
        """Append several items; raises as `append`."""
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        for array in self.arrays():
            yield from decode_items(array)

    def frames(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        for position in range(len(self.parts)) if positions is None else positions:
            is_complete = position < len(self._complete)
            yield self._frames[position] if is_complete else compress(self._open_array())

    def arrays(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        for position in range(len(self.parts)) if positions is None else positions:
            is_complete = position < len(self._complete)
            yield decompress(self._frames[position]) if is_complete else self._open_array()

    def _open_array(self) -> bytes:
        return b"".join((self._open, b"]"))

    def _complete_part(self) -> None:
        self._open += b"]"  # in place: an item may be as large as a whole file
        self._frames.append(compress(self._open))
        self._complete.append(_part_of(self._open, self._open_items))
        self._open, self._open_items = bytearray(), 0


class ConcatenatedItems:
    """The items of several lists, one list after the other; the parts are those of the lists."""

    def __init__(self, lists: Sequence[CompressedSequence]) -> None:
        self._lists = lists
        self.parts: Sequence[Part] = [part for items in lists for part in items.parts]
        self.memory_bytes = sum(items.memory_bytes for items in lists)

    def __len__(self) -> int:
        return sum(part.items for part in self.parts)

    def __iter__(self) -> Iterator[Any]:
        for items in self._lists:
            yield from items

    def frames(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        for items, own in self._by_list(positions):
            yield from items.frames(own)

    def arrays(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        for items, own in self._by_list(positions):
            yield from items.arrays(own)

    def _by_list(self, positions: Iterable[int] | None) -> Iterator[tuple[CompressedSequence, list[int] | None]]:
        """Yield each list with the positions of its parts to read; `positions` must be sorted."""
        remaining, start = None if positions is None else list(positions), 0
        for items in self._lists:
            end = start + len(items.parts)
            own = None if remaining is None else [place - start for place in remaining if start <= place < end]
            yield items, own
            start = end


def _part_of(array: bytes | bytearray, items: int) -> Part:
    return Part(digest_of(array), items, len(array))
