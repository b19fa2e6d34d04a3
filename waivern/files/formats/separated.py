"""CSV and its kin: cells with commas, tabs, semicolons or bars between them."""

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, islice

from waivern.files.formats.document import Document, Part, UnsuitableError, stem_of
from waivern.files.formats.tables import table_parts

_LAST = "last"
_DELIMITERS = ",;\t|"
_ROWS = 200
_CHARACTERS = 500_000
_ALIKE = 0.6
_LONGEST_LONELY_CELL = 200
_WORDS_OF_A_HEADER = 3
_WORDS_OF_A_CELL = 5


def read(document: Document) -> Iterator[Part]:
    """Make one part a column and stretch of rows.

    Raises:
        UnsuitableError: it is no table: no sign stands in its rows as a delimiter would.
    """
    text = document.text
    delimiter = delimiter_of(text)
    if delimiter is None:
        raise UnsuitableError
    try:
        yield from table_parts(_rows(text, delimiter), table=stem_of(document.name))
    except csv.Error:  # a cell of more than 131,072 characters
        raise UnsuitableError from None


def delimiter_of(text: str) -> str | None:
    """Return what stands between the cells; None where the text is no table.

    That is the sign with which the most rows have the same number of cells; of several, the one that makes more. A
    text without any such sign is a table of one column if its lines are short.
    """
    sample = text[:_CHARACTERS]
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        if delimiter not in sample:
            continue
        widths = _widths(sample, delimiter)
        if not widths:
            continue
        width, rows = max(widths.items(), key=lambda each: (each[1], each[0]))
        alike = rows / widths.total()
        if width > 1 and alike >= _ALIKE and (best is None or (round(alike, 1), width) > best[:2]):
            best = round(alike, 1), width, delimiter
    if best is not None:
        return best[2]
    return "," if _is_one_column(sample) else None


def _widths(sample: str, delimiter: str) -> Counter[int]:
    try:
        rows = [row for row in islice(_rows(sample, delimiter), _ROWS) if any(cell.strip() for cell in row)]
    except csv.Error:
        return Counter()
    return Counter(len(row) for row in rows)


def _is_one_column(sample: str) -> bool:
    """Short lines under a shorter one, without any delimiter; prose is longer than a few words a line."""
    lines = [line.strip() for line in sample.splitlines()[:_ROWS] if line.strip()]
    if len(lines) < 2 or len(lines[0].split()) > _WORDS_OF_A_HEADER:
        return False
    return all(
        len(line) <= _LONGEST_LONELY_CELL
        and len(line.split()) <= _WORDS_OF_A_CELL
        and not any(sign in line for sign in _DELIMITERS)
        for line in lines
    )


def _rows(text: str, delimiter: str) -> Iterator[Sequence[str]]:
    """The rows. Where a quote is never closed, quotes are signs as any other, or one would hide all rows after it."""
    if _closes_its_quotes(text, delimiter):
        return csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    return csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _closes_its_quotes(text: str, delimiter: str) -> bool:
    if '"' not in text:
        return True
    lines = chain(StringIO(text, newline=""), ["\n", _LAST])
    try:
        return deque(csv.reader(lines, delimiter=delimiter), maxlen=1).pop() == [_LAST]
    except csv.Error:  # a cell of more than 131,072 characters
        return False
