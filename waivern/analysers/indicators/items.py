"""The texts of a message, whatever its schema, with where each stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from waivern.messages.message import Message


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


def items_of(messages: Iterable[Message]) -> list[Item]:
    """Return the texts of `standard_input` and `source_code` messages."""
    places: dict[tuple[Any, ...], Place] = {}
    items: list[Item] = []
    for message in messages:
        source = message.content["source"]
        for entry in message.content["data"]:
            if "raw_content" in entry:
                origin = entry.get("metadata", {}).get("source", source)
                place = _place(places, (origin, str(entry["file_path"]), None, None), entry)
                items.append(Item(place, entry["raw_content"], ""))
            else:
                metadata = entry["metadata"]
                get = metadata.get
                key = (metadata["source"], get("file_path"), get("table"), get("column"))
                row = get("row", "")
                place = places.get(key) or _place(places, key, metadata)
                items.append(Item(place, entry["content"], row if isinstance(row, str) else f"{row:>12}"))
    return items


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
