"""Many values made into few texts: all that stands in one column, in stretches."""

import re
from collections.abc import Iterator
from typing import Any

from waivern.files.formats.document import Part, UnsuitableError

STRETCH = 64_000
"""Characters after which a column's text ends and its next one begins."""

MOST_COLUMNS = 5_000
"""Columns that are made of the keys of one file; one with more is no table but a mapping of data."""

_LINE_ENDS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
_LONGEST_NAME = 100
_LONGEST_KEY = 64
_NO_NAME = re.compile(r".@|[0-9]{5}")


def in_one_line(text: str) -> str:
    """Return the text with blanks where lines ended."""
    return text if text.isalnum() else _LINE_ENDS.sub(" ", text)


class Column:
    """Gathers one column's cells, row by row."""

    __slots__ = ("_cells", "_first", "_size", "_was_made", "_where")

    def __init__(self, where: dict[str, Any], *, first: int) -> None:
        self._where = where
        self._first = first
        self._cells: list[str] = []
        self._size = 0
        self._was_made = False

    def add(self, cell: str) -> bool:
        """Take the next row's cell, and say whether the stretch is full."""
        self._cells.append(in_one_line(cell))
        self._size += len(cell) + 1
        return self._size >= STRETCH

    def ended(self, *, is_last: bool) -> Iterator[Part]:
        """Make the part of this stretch and begin the next; a blank stretch is one only if the whole column is."""
        last = self._first + len(self._cells) - 1
        content = "\n".join(self._cells).rstrip("\n")
        if content or (is_last and not self._was_made):
            self._was_made = True
            yield Part(content, {**self._where, "rows": [self._first, last]})
        self._first = last + 1
        self._cells, self._size = [], 0


class KeyedValues:
    """Gathers the values of a tree by the path of keys that leads to them.

    A key that is data rather than a name (an e-mail address, an id, a long text) does not become a part of a path:
    there stands "*", and it is itself a value of the column "*".

    Args:
        root: What the whole tree is called.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._values: dict[tuple[str, str | None], list[str]] = {}

    def add(self, table: str, key: str | None, value: str | None) -> None:
        """Note a value; `table` is the path of the object that holds it, "" for the outermost, None is no value.

        Raises:
            UnsuitableError: it is the first of more columns than a file may have.
        """
        values = self._values.get((table, key))
        if values is None:
            if len(self._values) >= MOST_COLUMNS:
                raise UnsuitableError
            values = self._values[table, key] = []
        if value is not None:
            values.append(in_one_line(value))

    def name_of(self, table: str, key: str) -> str:
        """Return the key as a name, "*" for one that is data, which is noted as a value."""
        if is_name(key):
            return in_one_line(key)
        self.add(table, "*", key)
        return "*"

    def parts(self) -> Iterator[Part]:
        """Make the parts, in the order in which their columns were first met."""
        for (table, key), values in self._values.items():
            where = {"table": f"{self._root}{table}" if table in ("", "[]") else table}
            if key is not None:
                where["column"] = key
            for content in _stretches(values):
                yield Part(content, where)


def is_name(key: str) -> bool:
    """Say whether a key is a name rather than data: an e-mail address, an id, a long text."""
    return len(key) <= _LONGEST_KEY and not _NO_NAME.search(key) and any(sign.isalpha() for sign in key)


def column_name(header: str, number: int) -> str:
    """Return a column's name: its header, or its number (from 1) where it has none."""
    return in_one_line(header).strip()[:_LONGEST_NAME] or f"column {number}"


def _stretches(values: list[str]) -> Iterator[str]:
    start, size = 0, 0
    for number, value in enumerate(values, start=1):
        size += len(value) + 1
        if size >= STRETCH or number == len(values):
            yield "\n".join(values[start:number])
            start, size = number, 0
    if not values:
        yield ""
