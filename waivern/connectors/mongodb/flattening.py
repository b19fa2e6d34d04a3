"""Documents taken apart: each value by the path of keys that leads to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson.dbref import DBRef

from waivern.connectors.mongodb.values import plain
from waivern.files.formats.columns import in_one_line, is_name

DEEPEST = 100
"""How deep documents and arrays are taken apart; MongoDB itself takes none that are deeper."""


@dataclass(frozen=True)
class Leaf:
    """A value and its path: "address.city", "phones" for an array's values, "contacts[].email" within its objects.

    A key that is data rather than a name (an e-mail address, an id, a long text) is "*" in a path, and is itself a
    value at that path. An empty document or array is a leaf without value.
    """

    path: str
    value: Any


@dataclass(frozen=True)
class TooDeep:
    """What lies below a path is deeper than it is taken apart."""

    path: str


def leaves_of(value: Any, path: str = "", depth: int = 1) -> Iterator[Leaf | TooDeep]:
    """Yield the values of a document in its order."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if not isinstance(value, (Mapping, list)):
        yield Leaf(path, plain(value))
    elif depth > DEEPEST:
        yield TooDeep(path)
    elif not value:
        if path:
            yield Leaf(path, None)
    elif isinstance(value, list):
        for each in value:
            is_tree = isinstance(each, (Mapping, list, DBRef))
            yield from leaves_of(each, f"{path}[]" if is_tree else path, depth + 1)
    else:
        for key, each in value.items():
            name = in_one_line(key) if is_name(key) else "*"
            below = f"{path}.{name}" if path else name
            if name == "*":
                yield Leaf(below, key)
            yield from leaves_of(each, below, depth + 1)
