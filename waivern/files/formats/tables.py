"""Rows made into columns: where the header is, what the columns are called, and their cells in stretches."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from waivern.files.formats.columns import Column, column_name, in_one_line
from waivern.files.formats.document import Part

_LOOKED_AT = 20
_LONGEST_HEADER = 100
_VALUE = re.compile(r"[\s\d.,:;/+()%€$£#*-]*\d[\s\d.,:;/+()%€$£#*-]*|.*@.*|.*://.*", re.DOTALL)


def table_parts(rows: Iterable[Sequence[str]], *, table: str) -> Iterator[Part]:
    """Make one part a column and stretch of rows.

    What stands above the header, such as a title, is a part of the table without a column. Rows may have more cells
    than the header, or fewer. A table without a header has "column 1", "column 2", ...
    """
    coming = iter(rows)
    first = list(islice(coming, _LOOKED_AT))
    start = _first_of_table(first)
    above = [in_one_line(cell) for row in first[:start] for cell in row if cell.strip()]
    if above:
        yield Part("\n".join(above), {"table": table})
    header: Sequence[str] = ()
    if start < len(first) and _is_header(first[start]):
        header, start = first[start], start + 1
    yield from _Table(table, header).parts(chain(first[start:], coming))


def _first_of_table(rows: Sequence[Sequence[str]]) -> int:
    """Which of the rows is the first that is as wide as the table; those above have a title or nothing."""
    widths = [sum(1 for cell in row if cell.strip()) for row in rows]
    usual = max(Counter(width for width in widths if width).items(), key=lambda each: each[::-1], default=(0, 0))[0]
    return next((number for number, width in enumerate(widths) if width > usual / 2), 0)


def _is_header(row: Sequence[str]) -> bool:
    """A header names: no cell of it is a number, a date, an address or a long text."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return bool(cells) and not any(len(cell) > _LONGEST_HEADER or _VALUE.fullmatch(cell) for cell in cells)


class _Table:
    def __init__(self, name: str, header: Sequence[str]) -> None:
        self._name = name
        self._columns: list[Column] = []
        self._has_name: list[bool] = []
        for title in header:
            self._new_column(title, first=1)

    def parts(self, rows: Iterable[Sequence[str]]) -> Iterator[Part]:
        for number, row in enumerate(rows, start=1):
            while len(self._columns) < len(row):
                self._new_column("", first=number)
            for place, column in enumerate(self._columns):
                if column.add(row[place] if place < len(row) else ""):
                    yield from column.ended(is_last=False)
        for column, has_name in zip(self._columns, self._has_name, strict=True):
            yield from column.ended(is_last=has_name)

    def _new_column(self, title: str, *, first: int) -> None:
        name = column_name(title, len(self._columns) + 1)
        self._columns.append(Column({"table": self._name, "column": name}, first=first))
        self._has_name.append(bool(title.strip()))
