"""XLSX: the columns of the sheets, and the comments."""

import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from waivern.files.formats.archives.zip_reader import open_verified
from waivern.files.formats.documents.office_xml import properties_of, text_of
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, Part
from waivern.files.formats.tables.table import table_parts
from waivern.messages.not_scanned import NotScanned, ReasonCode

_COMMENTS = re.compile(  # the first alternative is Excel's naming, the second openpyxl's
    r"xl/(?:comments\d*|comments/comment\d*|threadedComments/threadedComment\d*|drawings/drawing\d*)\.xml"
)


def read(document: Document) -> Iterator[Part | NotScanned]:
    """Yield one part per column and chunk of rows of each sheet; a formula is read as its last computed value.

    Raises:
        UnreadableError: it is a bomb, or damaged.
    """
    with open_verified(document) as archive:
        names = [name for name in sorted(archive.namelist()) if _COMMENTS.fullmatch(name)]
        texts = [text for text in (text_of(archive, name) for name in names) if text.strip()]
        properties = properties_of(archive)
    yield from _sheets(document)
    for text in texts:
        yield Part(text, {"part": "comments and drawings"})
    for key, value in properties.items():
        yield Part(in_one_line(value), {"table": "properties", "column": key})


def _sheets(document: Document) -> Iterator[Part | NotScanned]:
    from openpyxl import load_workbook

    warnings.filterwarnings("ignore", module=r"openpyxl\.")  # about features that it drops; none of them is read
    book = load_workbook(BytesIO(document.content), read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # the size that a sheet states may be wrong by a million rows
            try:
                yield from table_parts(map(_as_texts, sheet.iter_rows(values_only=True)), table=str(sheet.title))
            except Exception as error:  # noqa: BLE001  a sheet may be damaged in any way; the others are still read
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
