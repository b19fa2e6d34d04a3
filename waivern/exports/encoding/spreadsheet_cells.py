"""CSV lines, and cells that a spreadsheet does not evaluate as formulas."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from waivern.escaping import lines

_FORMULA_PREFIXES = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LINE_BREAKS_AND_TABS = ("\t", "\n")


def spreadsheet_cell(text: str) -> str:
    """Return the text with a single quote before it if a spreadsheet would evaluate it as a formula.

    Carriage returns become line feeds, and unsafe characters become `\\x1b` or `\\u202e`.

    Source: OWASP, "CSV Injection".
    """
    shown = lines(text.replace("\r\n", "\n").replace("\r", "\n"))
    is_formula = shown.lstrip().startswith(_FORMULA_PREFIXES) or shown.startswith(_LINE_BREAKS_AND_TABS)
    return f"'{shown}" if is_formula else shown


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """Yield each row as a line of CSV (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
