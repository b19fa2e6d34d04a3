"""What commands print: tables, JSON and CSV to standard output, remarks to standard error.

Every text goes through `write` or `remark`, which escape unsafe characters and keep the styles that this package sets.
"""

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import click

from waivern.cli.shell.exit_codes import silence
from waivern.errors import UsageError
from waivern.escaping import json_text, lines, one_line
from waivern.exports.encoding.spreadsheet_cells import spreadsheet_cell

_GAP = "  "
_STYLE = re.compile(r"(\x1b\[[0-9;]*m)")


@dataclass(frozen=True)
class Styled:
    """A table cell with a colour, used only on a terminal."""

    text: str
    style: str


Cell = str | Styled


def write(text: str) -> None:
    """Write a text to standard output. A closed pipe is not an error: the exit code still reports the outcome.

    Raises:
        UsageError: standard output cannot be written, for example because the disk is full.
    """
    try:
        click.echo(_shown(text))
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise UsageError(f"Standard output cannot be written: {error.strerror}") from None


def remark(text: str) -> None:
    """Write a text to standard error; a closed standard error is ignored, because it must not end a run."""
    with suppress(OSError):
        click.echo(_shown(text), err=True)


def on_terminal(stream: IO[str]) -> bool:
    """Return whether the stream is a terminal; pipes and files get no colours and no animation."""
    return stream.isatty()


def as_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Collection[str] = ()) -> str:
    """Return a table; the columns named in `right` are right-aligned.

    On a terminal it is coloured and fits the width; otherwise each row is one line of any length.
    """
    if on_terminal(sys.stdout):
        return _coloured_table(titles, rows, right)
    texts = [list(titles), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(_width(row[column]) for row in texts) for column in range(len(titles))]
    return "\n".join(_plain_row(row, widths, [title in right for title in titles]) for row in texts)


def as_json(value: Any) -> str:
    """Return indented JSON."""
    return json_text(json.dumps(value, indent=2, ensure_ascii=False))


def as_csv(objects: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return RFC 4180 CSV with line feeds and a header row of `columns`.

    Text that a spreadsheet would evaluate as a formula is prefixed with a single quote.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(row[column]) for column in columns] for row in objects)
    return buffer.getvalue().removesuffix("\n")


def _shown(text: str) -> str:
    return "".join(part if part.startswith("\x1b[") else lines(part) for part in _STYLE.split(text))


def _csv_cell(value: Any) -> Any:
    return spreadsheet_cell(one_line(value)) if isinstance(value, str) else value


def _text(cell: Cell) -> str:
    return one_line(cell.text if isinstance(cell, Styled) else cell)


def _plain_row(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (width - _width(text)) + text if to_right else text + " " * (width - _width(text))
        for text, width, to_right in zip(texts, widths, right, strict=True)
    ]
    return _GAP.join(padded).rstrip()


def _width(text: str) -> int:
    """Return the terminal columns that a text takes: wide East Asian characters take two, accents none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def _coloured_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], right: Collection[str]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    last = len(titles) - 1
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if title in right else "left", no_wrap=number != last, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(cell), style=cell.style if isinstance(cell, Styled) else "") for cell in row))
    console = Console(file=io.StringIO(), force_terminal=True, width=Console().width)
    console.print(table)
    rendered: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO from above
    return "\n".join(line.rstrip() for line in rendered.splitlines())
