"""From rows to columns: finding the header, naming the columns and splitting their cells into chunks."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from waivern.files.formats.model.columns import CHUNK_SIZE, in_one_line
from waivern.files.formats.model.document import Part

_SAMPLE_ROWS = 20
_MAX_HEADER_LENGTH = 100
_MAX_NAME_LENGTH = 100
_VALUE = re.compile(r"[\s\d.,:;/+()%€$£#*-]*\d[\s\d.,:;/+()%€$£#*-]*|.*@.*|.*://.*", re.DOTALL)


def table_parts(rows: Iterable[Sequence[str]], *, table: str) -> Iterator[Part]:
    """Yield one part per column and chunk of rows.

    Text above the header, such as a title, is a part of the table without a column. Rows may have more or fewer
    cells than the header. The columns of a table without a header are "column 1", "column 2", ...
    """
    remaining = iter(rows)
    sample = list(islice(remaining, _SAMPLE_ROWS))
    start = _first_table_row(sample)
    above = [in_one_line(cell) for row in sample[:start] for cell in row if cell.strip()]
    if above:
        yield Part("\n".join(above), {"table": table})
    header: Sequence[str] = ()
    if start < len(sample) and _is_header(sample[start]):
        header, start = sample[start], start + 1
    yield from _Table(table, header).parts(chain(sample[start:], remaining))


def _first_table_row(rows: Sequence[Sequence[str]]) -> int:
    """Return the index of the first row that is as wide as the table; rows above it have a title or nothing."""
    widths = [sum(1 for cell in row if cell.strip()) for row in rows]
    usual = max(Counter(width for width in widths if width).items(), key=lambda item: item[::-1], default=(0, 0))[0]
    return next((index for index, width in enumerate(widths) if width > usual / 2), 0)


def _is_header(row: Sequence[str]) -> bool:
    """Return whether the row has names only: no cell is a number, a date, an address or a long text."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return bool(cells) and not any(len(cell) > _MAX_HEADER_LENGTH or _VALUE.fullmatch(cell) for cell in cells)


class _Table:
    def __init__(self, name: str, header: Sequence[str]) -> None:
        self._name = name
        self._columns: list[_Column] = []
        self._has_header: list[bool] = []
        for title in header:
            self._add_column(title, first_row=1)

    def parts(self, rows: Iterable[Sequence[str]]) -> Iterator[Part]:
        for number, row in enumerate(rows, start=1):
            while len(self._columns) < len(row):
                self._add_column("", first_row=number)
            for index, column in enumerate(self._columns):
                if column.add(row[index] if index < len(row) else ""):
                    yield from column.flush(keep_empty=False)
        for column, has_header in zip(self._columns, self._has_header, strict=True):
            yield from column.flush(keep_empty=has_header)

    def _add_column(self, title: str, *, first_row: int) -> None:
        name = _column_name(title, len(self._columns) + 1)
        self._columns.append(_Column({"table": self._name, "column": name}, first_row=first_row))
        self._has_header.append(bool(title.strip()))


class _Column:
    """Collects the cells of one column, row by row."""

    __slots__ = ("_cells", "_first_row", "_has_parts", "_metadata", "_size")

    def __init__(self, metadata: dict[str, Any], *, first_row: int) -> None:
        self._metadata = metadata
        self._first_row = first_row
        self._cells: list[str] = []
        self._size = 0
        self._has_parts = False

    def add(self, cell: str) -> bool:
        """Add the next row's cell and return whether the chunk is full."""
        self._cells.append(in_one_line(cell))
        self._size += len(cell) + 1
        return self._size >= CHUNK_SIZE

    def flush(self, *, keep_empty: bool) -> Iterator[Part]:
        """Yield the current chunk and begin the next one.

        Args:
            keep_empty: Whether a column without any text has a part too, so that its name is analysed.
        """
        last_row = self._first_row + len(self._cells) - 1
        content = "\n".join(self._cells).rstrip("\n")
        if content or (keep_empty and not self._has_parts):
            self._has_parts = True
            yield Part(content, {**self._metadata, "rows": [self._first_row, last_row]})
        self._first_row = last_row + 1
        self._cells, self._size = [], 0


def _column_name(header: str, number: int) -> str:
    """Return the column's header, or its number (from 1) if it has none."""
    return in_one_line(header).strip()[:_MAX_NAME_LENGTH] or f"column {number}"
