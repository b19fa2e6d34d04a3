"""The texts of input messages with their locations, whatever the schema of the message."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from waivern.components.partwise import InputPart

T = TypeVar("T")

BATCH_CHARACTERS = 1_000_000
"""Small texts are scanned together, up to this many characters."""

_NOTHING: Mapping[str, Any] = {}


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

    @property
    def table_key(self) -> tuple[str, str | None, str | None]:
        """What identifies the table of a column."""
        return self.source, self.path, self.table

    def as_json(self) -> list[Any]:
        """Return it as a JSON array, from which `Location(*array)` makes it again."""
        return [self.source, self.path, self.table, self.column, self.context]

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


class PartTexts:
    """The texts of one part of a `standard_input` or `source_code` message, and their locations.

    `column_batches` has the values of columns, `file_items` all other texts.
    """

    def __init__(self, part: InputPart) -> None:
        self.file_items: list[Item] = []
        self.column_batches: list[ColumnBatch] = []
        self._locations: dict[tuple[Any, ...], Location] = {}
        locations, columns, room = self._locations, _empty_batch(), BATCH_CHARACTERS
        for item in part.items:
            if "raw_content" in item:
                source = item.get("metadata", {}).get("source", part.source)
                location = _location(locations, (source, str(item["file_path"]), None, None), item)
                self.file_items.append(Item(location, item["raw_content"], ""))
                continue
            metadata, content = item["metadata"], item["content"]
            get = metadata.get
            key = (metadata["source"], get("file_path"), get("table"), get("column"))
            location = locations.get(key) or _location(locations, key, metadata)
            row = get("row", "")
            if not isinstance(row, str):
                row = f"{row:>12}"
            if location.column is None:
                self.file_items.append(Item(location, content, row))
                continue
            contents, rows = columns[location]
            contents.append(content)
            rows.append(row)
            room -= len(content) + 1
            if room < 0:
                self.column_batches.append(columns)
                columns, room = _empty_batch(), BATCH_CHARACTERS
        self.column_batches.append(columns)

    @property
    def locations(self) -> Collection[Location]:
        """All locations, in the order of the texts."""
        return self._locations.values()


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


def columns_in(part: InputPart) -> list[Location]:
    """Return the distinct columns that have values in a part."""
    columns: dict[tuple[Any, ...], Location] = {}
    for item in part.items:
        get = item.get("metadata", _NOTHING).get
        if "raw_content" not in item and get("column") is not None:
            key = (get("source"), get("file_path"), get("table"), get("column"))
            if key not in columns:
                columns[key] = Location(*key, get("context"))
    return list(columns.values())


def batched_by_size(texts: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield lists of texts that are scanned together. A text longer than `BATCH_CHARACTERS` is not split."""
    batch: list[T] = []
    total = 0
    for text in texts:
        size = size_of(text)
        if batch and total + size > BATCH_CHARACTERS:
            yield batch
            batch, total = [], 0
        batch.append(text)
        total += size + 1
    if batch:
        yield batch


def _location(
    locations: dict[tuple[Any, ...], Location], key: tuple[Any, ...], metadata: Mapping[str, Any]
) -> Location:
    source, path, table, column = key
    return locations.setdefault(key, Location(source, path, table, column, metadata.get("context")))


def _empty_batch() -> defaultdict[Location, ColumnValues]:
    return defaultdict(lambda: ColumnValues([], []))
