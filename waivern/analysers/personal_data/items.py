"""The texts of a message, whatever its schema, with where each stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from waivern.messages.message import Message


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """A file, or a column of a table. There is one object for one place, so it is told apart by identity.

    Args:
        source: Where it was extracted from, as the connector says it.
        path: A file's path, where it is one, or a column of one.
        table: A column's table, where it is one.
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
    """One text at a place; `row` says which value of a column it is."""

    place: Place
    content: str
    row: str


def items_of(messages: Iterable[Message]) -> list[Item]:
    """Return the texts of `standard_input` and `source_code` messages."""
    places: dict[tuple[Any, ...], Place] = {}
    items: list[Item] = []
    for message in messages:
        source = message.content["source"]
        for entry in message.content["data"]:
            if "raw_content" in entry:
                place = _place(places, (source, str(entry["file_path"]), None, None), entry)
                items.append(Item(place, entry["raw_content"], ""))
            else:
                metadata = entry["metadata"]
                get = metadata.get
                key = (metadata["source"], get("file_path"), get("table"), get("column"))
                row = get("row", "")
                place = places.get(key) or _place(places, key, metadata)
                items.append(Item(place, entry["content"], row if isinstance(row, str) else f"{row:>12}"))
    return items


def _place(places: dict[tuple[Any, ...], Place], key: tuple[Any, ...], said: Mapping[str, Any]) -> Place:
    source, path, table, column = key
    return places.setdefault(key, Place(source, path, table, column, said.get("context")))
