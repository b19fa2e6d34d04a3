"""The texts of input messages with their locations, whatever the schema of the message."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from waivern.messages.compressed_items import CompressedMessage
from waivern.messages.message import Message

BATCH_CHARACTERS = 1_000_000
"""Small texts are scanned together, up to this many characters."""


@dataclass(frozen=True, eq=False, slots=True)
class Location:
    """A file, a table, or a column of a table. There is one object per location, compared by identity.

    Args:
        source: The source that it was extracted from, as named by the connector.
        path: The path of the file, or of the file that contains the table.
        table: The name of the table.
        column: The name of the column; None for a file or a table.
        context: Additional information from the connector.
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
    """One text at a location.

    Args:
        location: Where the text is.
        content: The text.
        row: The row of a column's value.
        is_name: Whether the text is the name of the location itself.
    """

    location: Location
    content: str
    row: str
    is_name: bool = False


class ColumnValues(NamedTuple):
    """Values of one column, and their rows."""

    contents: list[str]
    rows: list[str]


ColumnBatch = Mapping[Location, ColumnValues]
"""Values of columns, about as many characters as are scanned together."""


class InputTexts:
    """The texts of `standard_input` and `source_code` messages.

    Values of columns come last, because their meaning depends on the names of all columns. A compressed message is
    decompressed a second time for them.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._locations: dict[tuple[Any, ...], Location] = {}
        self._pending_batches: dict[int, list[ColumnBatch]] = {}

    @property
    def locations(self) -> Collection[Location]:
        """All locations, complete once `file_items` is exhausted."""
        return self._locations.values()

    def file_items(self) -> Iterator[Item]:
        """Yield the texts that are not values of columns."""
        for number, message in enumerate(self._messages):
            is_packed = isinstance(message, CompressedMessage)
            pending = [] if is_packed else self._pending_batches.setdefault(number, [])
            for text in self._read(message, with_columns=not is_packed):
                if isinstance(text, Item):
                    yield text
                else:
                    pending.append(text)

    def column_batches(self) -> Iterator[ColumnBatch]:
        """Yield the values of columns."""
        for number, message in enumerate(self._messages):
            if number in self._pending_batches:
                yield from self._pending_batches.pop(number)
            elif any(location.is_column for location in self.locations):
                yield from (text for text in self._read(message, with_columns=True) if not isinstance(text, Item))

    def _read(self, message: Message, *, with_columns: bool) -> Iterator[Item | ColumnBatch]:
        locations, columns, room = self._locations, _empty_batch(), BATCH_CHARACTERS
        message_source = message.envelope_without("data")["source"]
        for entry in message.items_of("data") or ():
            if "raw_content" in entry:
                source = entry.get("metadata", {}).get("source", message_source)
                location = _location(locations, (source, str(entry["file_path"]), None, None), entry)
                yield Item(location, entry["raw_content"], "")
                continue
            metadata, content = entry["metadata"], entry["content"]
            get = metadata.get
            key = (metadata["source"], get("file_path"), get("table"), get("column"))
            location = locations.get(key) or _location(locations, key, metadata)
            row = get("row", "")
            if not isinstance(row, str):
                row = f"{row:>12}"
            if location.column is None:
                yield Item(location, content, row)
            elif with_columns:
                contents, rows = columns[location]
                contents.append(content)
                rows.append(row)
                room -= len(content) + 1
                if room < 0:
                    yield columns
                    columns, room = _empty_batch(), BATCH_CHARACTERS
        yield columns


def name_items(locations: Iterable[Location]) -> list[Item]:
    """Return the names of columns and of their tables as texts."""
    columns = [location for location in locations if location.column is not None]
    tables = {
        (column.source, column.path, column.table): Location(
            column.source, column.path, column.table, None, column.context
        )
        for column in columns
        if column.table is not None
    }
    column_names = [Item(column, column.column or "", "", is_name=True) for column in columns]
    return column_names + [Item(table, table.table or "", "", is_name=True) for table in tables.values()]


def item_batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield lists of items that are scanned together. An item longer than `BATCH_CHARACTERS` is not split."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and size + len(item.content) > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.content) + 1
    if batch:
        yield batch


def _location(
    locations: dict[tuple[Any, ...], Location], key: tuple[Any, ...], metadata: Mapping[str, Any]
) -> Location:
    source, path, table, column = key
    return locations.setdefault(key, Location(source, path, table, column, metadata.get("context")))


def _empty_batch() -> defaultdict[Location, ColumnValues]:
    return defaultdict(lambda: ColumnValues([], []))
