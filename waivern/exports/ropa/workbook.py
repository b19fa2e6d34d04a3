"""The record as an XLSX workbook: a sheet a section, the same bytes for the same record."""

import io
import re
import zipfile
from collections.abc import Sequence

from waivern.errors import ExportError
from waivern.exports.encoding.json_encoding import iso_milliseconds
from waivern.exports.encoding.spreadsheet_cells import escape_formula
from waivern.exports.ropa.record import Record
from waivern.exports.ropa.tables import COLUMNS, heading_of, rows_of, sections_of

_WIDTHS = (22, 14, 22, 44, 20, 9, 40, 36, 48, 40)
_LONGEST_CELL = 32_000
_CHANGED = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def workbook_of(record: Record) -> bytes:
    """Return the bytes of the workbook.

    Raises:
        ExportError: openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Alignment, Font
    except ImportError:
        raise ExportError(
            "A workbook needs openpyxl, which is not installed",
            remedy="Install it with: pip install 'waivern[documents]', or let the file end with .csv or .html",
        ) from None
    book = Workbook()
    book.remove(book.worksheets[0])
    rows = list(rows_of(record))
    for section, _ in sections_of(record):
        sheet = book.create_sheet(section.capitalize())
        sheet.append([heading_of(record)])
        sheet.append([])
        sheet.append([each.capitalize() for each in COLUMNS[1:]])
        for row in rows:
            if row[0] == section:
                sheet.append(_cells(row[1:]))
        for number, width in enumerate(_WIDTHS):
            sheet.column_dimensions["ABCDEFGHIJ"[number]].width = width
        for cells in sheet.iter_rows(min_row=4):
            for cell in cells:
                cell.alignment = Alignment(wrap_text=True, vertical="top")
        for cell in (*sheet[1], *sheet[3]):
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A4"
    written = io.BytesIO()
    book.save(written)
    return _without_clock(written.getvalue(), iso_milliseconds(record.report.run.created_at) or "")


def _cells(row: Sequence[str | int]) -> list[str | int]:
    return [escape_formula(each)[:_LONGEST_CELL] if isinstance(each, str) else each for each in row]


def _without_clock(data: bytes, at: str) -> bytes:
    """The same workbook whose parts were all written when the run was made: its bytes are to be the same each time."""
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as read, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as written:
        for name in read.namelist():
            part = read.read(name)
            if name == "docProps/core.xml":
                part = _CHANGED.sub(rb"\g<1>" + f"{at[:19]}Z".encode(), part)
            written.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), part, zipfile.ZIP_DEFLATED)
    return again.getvalue()
