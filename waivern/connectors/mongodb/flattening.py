"""Flattening documents: each value with the path of keys that leads to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson.dbref import DBRef

from waivern.connectors.mongodb.values import uuid_if_binary
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.structured.key_paths import is_name

MAX_DEPTH = 100
"""Levels of documents and arrays that are read; MongoDB itself accepts no more."""


@dataclass(frozen=True)
class Leaf:
    """A value and its path: "address.city", "phones" for values of an array, "contacts[].email" inside its objects.

    A key that is data rather than a name (an e-mail address, an id, a long text) is replaced by "*" in the path, and is
    itself a value at that path. An empty document or array is a leaf without a value.
    """

    path: str
    value: Any


@dataclass(frozen=True)
class TooDeep:
    """A path below which the document has more levels than are read."""

    path: str


def leaves_of(value: Any, path: str = "", depth: int = 1) -> Iterator[Leaf | TooDeep]:
    """Yield the values of a document in order."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if not isinstance(value, (Mapping, list)):
        yield Leaf(path, uuid_if_binary(value))
    elif depth > MAX_DEPTH:
        yield TooDeep(path)
    elif not value:
        if path:
            yield Leaf(path, None)
    elif isinstance(value, list):
        for item in value:
            is_container = isinstance(item, (Mapping, list, DBRef))
            yield from leaves_of(item, f"{path}[]" if is_container else path, depth + 1)
    else:
        for key, child in value.items():
            name = in_one_line(key) if is_name(key) else "*"
            child_path = f"{path}.{name}" if path else name
            if name == "*":
                yield Leaf(child_path, key)
            yield from leaves_of(child, child_path, depth + 1)
