"""XLSX: the columns of its sheets, and their comments."""

import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from waivern.files.formats.archives import opened
from waivern.files.formats.columns import in_one_line
from waivern.files.formats.document import Document, Part
from waivern.files.formats.office import properties_of, text_of
from waivern.files.formats.tables import table_parts
from waivern.messages.not_scanned import NotScanned, ReasonCode

_COMMENTS = re.compile(  # the first as Excel has them, the second as openpyxl does
    r"xl/(?:comments\d*|comments/comment\d*|threadedComments/threadedComment\d*|drawings/drawing\d*)\.xml"
)


def read(document: Document) -> Iterator[Part | NotScanned]:
    """Make one part a column and stretch of rows of each sheet; a formula is read as the value it last had.

    Raises:
        UnreadableError: it is a bomb, or damaged.
    """
    with opened(document) as archive:
        beside = [name for name in sorted(archive.namelist()) if _COMMENTS.fullmatch(name)]
        texts = [text for text in (text_of(archive, name) for name in beside) if text.strip()]
        properties = properties_of(archive)
    yield from _sheets(document)
    for text in texts:
        yield Part(text, {"part": "comments and drawings"})
    for key, value in properties.items():
        yield Part(in_one_line(value), {"table": "properties", "column": key})


def _sheets(document: Document) -> Iterator[Part | NotScanned]:
    from openpyxl import load_workbook

    warnings.filterwarnings("ignore", module=r"openpyxl\.")  # what it does not keep is nothing that is read
    book = load_workbook(BytesIO(document.content), read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a sheet says of its size may be wrong by a million rows
            try:
                yield from table_parts(map(_as_texts, sheet.iter_rows(values_only=True)), table=str(sheet.title))
            except Exception as error:  # noqa: BLE001  a sheet may be broken in any way, the others are read
                reason = f"a sheet that cannot be read to its end ({type(error).__name__})"
                yield NotScanned(f"{document.name} (sheet {sheet.title})", reason, ReasonCode.DAMAGED)
    finally:
        book.close()


def _as_texts(row: Sequence[Any]) -> list[str]:
    return [_as_text(value) for value in row]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        return str(int(value))
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)
