"""From rows to columns: finding the header, naming the columns and splitting their cells into chunks.

The time and the text that a table takes grow with the cells that the file really has, not with rows times columns: a
row may have a single cell in column 10,000, and a row may follow another one a million rows below it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from waivern.files.formats.model.columns import CHUNK_SIZE, in_one_line
from waivern.files.formats.model.document import Part

_SAMPLE_ROWS = 20
_MAX_HEADER_LENGTH = 100
_MAX_NAME_LENGTH = 100
_FREE_BLANK_LINES = 1_000
_VALUE = re.compile(r"[\s\d.,:;/+()%€$£#*-]*\d[\s\d.,:;/+()%€$£#*-]*|.*@.*|.*://.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row by the index of their column, in rising order; `number` is the row's, counted from 1."""

    number: int
    cells: Mapping[int, str]


def table_parts(rows: Iterable[Sequence[str]], *, table: str) -> Iterator[Part]:
    """Yield one part per column and chunk of rows; see `sparse_table_parts`."""
    return sparse_table_parts((Row(number, dict(enumerate(row))) for number, row in enumerate(rows, 1)), table=table)


def sparse_table_parts(rows: Iterable[Row], *, table: str) -> Iterator[Part]:
    """Yield one part per column and chunk of rows.

    Text above the header, such as a title, is a part of the table without a column. Rows may have more or fewer
    cells than the header. The columns of a table without a header are "column 1", "column 2", ... The rows of a part
    are counted from the first row below the header.
    """
    remaining = iter(rows)
    sample = list(islice(remaining, _SAMPLE_ROWS))
    name = in_one_line(table)[:_MAX_NAME_LENGTH]
    start = _first_table_row(sample)
    above = [in_one_line(cell) for row in sample[:start] for cell in row.cells.values() if cell.strip()]
    if above:
        yield Part("\n".join(above), {"table": name})
    header: Mapping[int, str] = {}
    rows_above = sample[start].number - 1 if start < len(sample) else 0
    if start < len(sample) and _is_header(sample[start].cells.values()):
        header, rows_above, start = sample[start].cells, sample[start].number, start + 1
    yield from _Table(name, header, rows_above).parts(chain(sample[start:], remaining))


def _first_table_row(rows: Sequence[Row]) -> int:
    """Return the index of the first row that is as wide as the table; rows above it have a title or nothing."""
    widths = [sum(1 for cell in row.cells.values() if cell.strip()) for row in rows]
    usual = max(Counter(width for width in widths if width).items(), key=lambda item: item[::-1], default=(0, 0))[0]
    return next((index for index, width in enumerate(widths) if width > usual / 2), 0)


def _is_header(row: Iterable[str]) -> bool:
    """Return whether the row has names only: no cell is a number, a date, an address or a long text."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return bool(cells) and not any(len(cell) > _MAX_HEADER_LENGTH or _VALUE.fullmatch(cell) for cell in cells)


class _Table:
    def __init__(self, name: str, header: Mapping[int, str], rows_above: int) -> None:
        self._name = name
        self._header = header
        self._rows_above = rows_above
        self._columns = {index: self._new_column(index) for index in header}
        self._blank_lines = _FREE_BLANK_LINES

    def parts(self, rows: Iterable[Row]) -> Iterator[Part]:
        number = 0
        for row in rows:
            number = row.number - self._rows_above
            self._blank_lines += len(row.cells)
            for index, cell in row.cells.items():
                column = self._columns.get(index)
                if column is None:
                    column = self._columns[index] = self._new_column(index)
                    column.begin(number)
                if cell:
                    self._blank_lines += len(cell)
                    yield from self._add(column, cell, number)
        for index in sorted(self._columns):
            keep_empty = bool(self._header.get(index, "").strip())
            yield from self._columns[index].flush(last_row=number, keep_empty=keep_empty)

    def _add(self, column: "_Column", cell: str, number: int) -> Iterator[Part]:
        """Add a cell below as many blank lines as there are rows since the column's last cell.

        A file pays for the blank lines with its characters: beyond that, the column continues in a new part.
        """
        gap = number - column.next_row
        if gap > self._blank_lines or gap >= CHUNK_SIZE:
            yield from column.flush(keep_empty=False)
            column.begin(number)
        elif gap:
            self._blank_lines -= gap
        if column.add(cell, number):
            yield from column.flush(keep_empty=False)

    def _new_column(self, index: int) -> "_Column":
        name = _column_name(self._header.get(index, ""), index + 1)
        return _Column({"table": self._name, "column": name})


class _Column:
    """Collects the cells of one column that are not empty, row by row."""

    __slots__ = ("_first_row", "_has_parts", "_lines", "_metadata", "_size", "next_row")

    def __init__(self, metadata: dict[str, Any]) -> None:
        self._metadata = metadata
        self._lines: list[str] = []
        self._size = 0
        self._has_parts = False
        self._first_row = self.next_row = 1

    def begin(self, row: int) -> None:
        """Begin a chunk with a row."""
        self._first_row = self.next_row = row

    def add(self, cell: str, row: int) -> bool:
        """Add the cell of a row, below blank lines for the rows between, and return whether the chunk is full."""
        gap = row - self.next_row
        if gap:
            self._lines.append("\n" * (gap - 1))
        self._lines.append(in_one_line(cell))
        self._size += gap + len(cell) + 1
        self.next_row = row + 1
        return self._size >= CHUNK_SIZE

    def flush(self, *, keep_empty: bool, last_row: int | None = None) -> Iterator[Part]:
        """Yield the current chunk and begin the next one.

        Args:
            keep_empty: Whether a column without any text has a part too, so that its name is analysed.
            last_row: The last row of the chunk; None: that of its last cell.
        """
        last_row = self.next_row - 1 if last_row is None else last_row
        content = "\n".join(self._lines).rstrip("\n")
        if content or (keep_empty and not self._has_parts):
            self._has_parts = True
            yield Part(content, {**self._metadata, "rows": [self._first_row, last_row]})
        self.begin(self.next_row)
        self._lines, self._size = [], 0


def _column_name(header: str, number: int) -> str:
    """Return the column's header, or its number (from 1) if it has none."""
    return in_one_line(header).strip()[:_MAX_NAME_LENGTH] or f"column {number}"
