"""The record as an XLSX workbook with one sheet per section. The same record gives the same bytes."""

import io
import re
import zipfile
from collections.abc import Sequence

from waivern.errors import ExportError
from waivern.exports.encoding.json_encoding import iso_milliseconds
from waivern.exports.encoding.spreadsheet_cells import spreadsheet_cell
from waivern.exports.ropa.record import Record
from waivern.exports.ropa.tables import COLUMNS, TITLES, heading, rows, sections

_WIDTHS = (22, 14, 22, 44, 20, 9, 40, 36, 48, 40)
_MAX_CELL_LENGTH = 32_000
_TIMESTAMPS = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def render_workbook(record: Record) -> bytes:
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
            remedy="Install it with: pip install 'waivern[documents]', or use the extension .csv or .html",
        ) from None
    book = Workbook()
    book.remove(book.worksheets[0])
    all_rows = list(rows(record))
    for section, _ in sections(record):
        sheet = book.create_sheet(section.capitalize())
        sheet.append(_cells([heading(record)]))
        sheet.append([])
        sheet.append([TITLES[column] for column in COLUMNS[1:]])
        for row in all_rows:
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
    buffer = io.BytesIO()
    book.save(buffer)
    return _set_timestamps(buffer.getvalue(), iso_milliseconds(record.report.run.created_at) or "")


def _cells(row: Sequence[str | int]) -> list[str | int]:
    return [spreadsheet_cell(cell)[:_MAX_CELL_LENGTH] if isinstance(cell, str) else cell for cell in row]


def _set_timestamps(data: bytes, at: str) -> bytes:
    """Return the workbook with the time of the run instead of the current time, so that its bytes are reproducible."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as original, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in original.namelist():
            part = original.read(name)
            if name == "docProps/core.xml":
                part = _TIMESTAMPS.sub(rb"\g<1>" + f"{at[:19]}Z".encode(), part)
            copy.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), part, zipfile.ZIP_DEFLATED)
    return result.getvalue()
