"""Rows of a spreadsheet, which would take some texts for formulas."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}


def escape_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with a single quote before what would begin one.

    Control characters are replaced; a carriage return is a line feed.

    Source: OWASP, "CSV Injection".
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return f"'{plain}" if plain.lstrip(" ").startswith(FORMULA_PREFIXES) else plain


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """Yield rows as lines of CSV (RFC 4180), as they come."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield written.getvalue().encode()
        written.seek(0)
        written.truncate()
