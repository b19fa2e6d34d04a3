"""CSV and similar: cells separated by commas, tabs, semicolons or bars."""

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, islice

from waivern.files.formats.model.document import Document, FormatError, Part, stem_of
from waivern.files.formats.tables.table import table_parts

_SENTINEL = "last"
_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 200
_SAMPLE_CHARACTERS = 500_000
_LINES_CHARACTERS = 1_000_000
_MIN_EQUAL_WIDTH_SHARE = 0.6
_MAX_LONE_CELL_LENGTH = 200
_MAX_HEADER_WORDS = 3
_MAX_CELL_WORDS = 5


def read(document: Document) -> Iterator[Part]:
    """Yield one part per column and chunk of rows.

    Raises:
        FormatError: it is not a table: no character occurs in its rows as a delimiter would.
    """
    text = document.text
    delimiter = delimiter_of(text)
    if delimiter is None:
        raise FormatError
    try:
        yield from table_parts(_rows(text, delimiter), table=stem_of(document.name))
    except csv.Error:  # a cell of more than 131,072 characters
        raise FormatError from None


def delimiter_of(text: str) -> str | None:
    """Return the delimiter between the cells; None if the text is not a table.

    It is the delimiter that gives the most rows the same number of cells; if several do, the one that gives more cells.
    A text without delimiters is a table of one column if its lines are short.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        if delimiter not in sample:
            continue
        widths = _widths(sample, delimiter)
        if not widths:
            continue
        width, rows = max(widths.items(), key=lambda item: (item[1], item[0]))
        share = rows / widths.total()
        if width > 1 and share >= _MIN_EQUAL_WIDTH_SHARE and (best is None or (round(share, 1), width) > best[:2]):
            best = round(share, 1), width, delimiter
    if best is not None:
        return best[2]
    return "," if _is_single_column(sample) else None


def _widths(sample: str, delimiter: str) -> Counter[int]:
    try:
        rows = [row for row in islice(_rows(sample, delimiter), _SAMPLE_ROWS) if any(cell.strip() for cell in row)]
    except csv.Error:
        return Counter()
    return Counter(len(row) for row in rows)


def _is_single_column(sample: str) -> bool:
    """Return whether the lines are short, without delimiters, below a header; prose has more words in a line."""
    lines = [line.strip() for line in sample.splitlines()[:_SAMPLE_ROWS] if line.strip()]
    if len(lines) < 2 or len(lines[0].split()) > _MAX_HEADER_WORDS:
        return False
    return all(
        len(line) <= _MAX_LONE_CELL_LENGTH
        and len(line.split()) <= _MAX_CELL_WORDS
        and not any(delimiter in line for delimiter in _DELIMITERS)
        for line in lines
    )


def _rows(text: str, delimiter: str) -> Iterator[Sequence[str]]:
    """Return the rows. If a quote is never closed, quotes are plain characters: else it would hide all later rows."""
    if _has_balanced_quotes(text, delimiter):
        return csv.reader(_lines(text), delimiter=delimiter)
    return csv.reader(_lines(text), delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _has_balanced_quotes(text: str, delimiter: str) -> bool:
    if '"' not in text:
        return True
    lines = chain(_lines(text), ["\n", _SENTINEL])
    try:
        return deque(csv.reader(lines, delimiter=delimiter), maxlen=1).pop() == [_SENTINEL]
    except csv.Error:  # a cell of more than 131,072 characters
        return False


def _lines(text: str) -> Iterator[str]:
    r"""Yield the lines with their ends, \n, \r or \r\n. (A StringIO would hold four bytes for each character.)"""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _LINES_CHARACTERS) + 1 or len(text)
        yield from StringIO(text[start:end], newline="")
        start = end
