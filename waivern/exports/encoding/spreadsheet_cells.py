"""CSV lines, and cells that a spreadsheet does not evaluate as formulas."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROL_CHARACTERS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}


def escape_formula(text: str) -> str:
    """Return the text with a single quote before it if a spreadsheet would evaluate it as a formula.

    Control characters are replaced, and carriage returns become line feeds.

    Source: OWASP, "CSV Injection".
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROL_CHARACTERS)
    return f"'{plain}" if plain.lstrip(" ").startswith(FORMULA_PREFIXES) else plain


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """Yield each row as a line of CSV (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
