"""The texts of messages, whatever their schema, with where each stands."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from waivern.messages.message import Message
from waivern.messages.packed import PackedMessage

CHARACTERS_A_SCAN = 1_000_000
"""Small texts are scanned together, up to so many characters."""


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """A file, a column of a table, or a table. There is one object for one place, so it is told apart by identity.

    Args:
        source: Where it was extracted from, as the connector says it.
        path: A file's path, where it is one, or a table or column of one.
        table: The table's name, where it is one, or a column of one.
        column: The column's name; None says that the place is no column.
        context: What the connector says beside.
    """

    source: str
    path: str | None = None
    table: str | None = None
    column: str | None = None
    context: Any = None

    @property
    def is_column(self) -> bool:
        return self.column is not None

    def sort_key(self) -> tuple[str, str, str, str]:
        return self.source, self.path or "", self.table or "", self.column or ""


class Item(NamedTuple):
    """One text at a place; `row` says which value of a column it is, `is_name` that it is what the place is called."""

    place: Place
    content: str
    row: str
    is_name: bool = False


class Cells(NamedTuple):
    """Values of one column, and of which rows they are."""

    contents: list[str]
    rows: list[str]


Values = Mapping[Place, Cells]
"""Values of columns, about as many characters as are scanned together."""


class Texts:
    """The texts of `standard_input` and `source_code` messages.

    Those of columns come last, for what a value means depends on the names of all columns: a message that is packed is
    unpacked a second time for them.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._places: dict[tuple[Any, ...], Place] = {}
        self._seen: dict[int, list[Values]] = {}

    @property
    def places(self) -> Collection[Place]:
        """Where texts stand; all are known when all texts of files have been gone through."""
        return self._places.values()

    def of_files(self) -> Iterator[Item]:
        """Yield the texts that are no values of columns."""
        for number, message in enumerate(self._messages):
            is_packed = isinstance(message, PackedMessage)
            seen = [] if is_packed else self._seen.setdefault(number, [])
            for text in self._read(message, with_columns=not is_packed):
                if isinstance(text, Item):
                    yield text
                else:
                    seen.append(text)

    def of_columns(self) -> Iterator[Values]:
        """Yield the values of columns."""
        for number, message in enumerate(self._messages):
            if number in self._seen:
                yield from self._seen.pop(number)
            elif any(place.is_column for place in self.places):
                yield from (text for text in self._read(message, with_columns=True) if not isinstance(text, Item))

    def _read(self, message: Message, *, with_columns: bool) -> Iterator[Item | Values]:
        places, columns, room = self._places, _no_values(), CHARACTERS_A_SCAN
        source = message.content_around("data")["source"]
        for entry in message.items_of("data") or ():
            if "raw_content" in entry:
                origin = entry.get("metadata", {}).get("source", source)
                yield Item(
                    _place(places, (origin, str(entry["file_path"]), None, None), entry), entry["raw_content"], ""
                )
                continue
            metadata, content = entry["metadata"], entry["content"]
            get = metadata.get
            key = (metadata["source"], get("file_path"), get("table"), get("column"))
            place = places.get(key) or _place(places, key, metadata)
            row = get("row", "")
            if not isinstance(row, str):
                row = f"{row:>12}"
            if place.column is None:
                yield Item(place, content, row)
            elif with_columns:
                contents, rows = columns[place]
                contents.append(content)
                rows.append(row)
                room -= len(content) + 1
                if room < 0:
                    yield columns
                    columns, room = _no_values(), CHARACTERS_A_SCAN
        yield columns


def named_places(places: Iterable[Place]) -> list[Item]:
    """Return the names of the columns among `places`, and of their tables, as texts of their own."""
    columns = [place for place in places if place.column is not None]
    tables = {
        (place.source, place.path, place.table): Place(place.source, place.path, place.table, None, place.context)
        for place in columns
        if place.table is not None
    }
    named = [Item(place, place.column or "", "", is_name=True) for place in columns]
    return named + [Item(place, place.table or "", "", is_name=True) for place in tables.values()]


def _place(places: dict[tuple[Any, ...], Place], key: tuple[Any, ...], said: Mapping[str, Any]) -> Place:
    source, path, table, column = key
    return places.setdefault(key, Place(source, path, table, column, said.get("context")))


def _no_values() -> defaultdict[Place, Cells]:
    return defaultdict(lambda: Cells([], []))
