"""The draft record as CSV, as an XLSX workbook or as an HTML page, depending on the file's extension."""

from collections.abc import Iterator

from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.encoding.spreadsheet_cells import csv_lines, spreadsheet_cell
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report
from waivern.exports.ropa.page import render_page
from waivern.exports.ropa.record import draft_record
from waivern.exports.ropa.tables import COLUMNS, rows
from waivern.exports.ropa.workbook import render_workbook


class RopaExporter(Exporter):
    """Combines findings with the organisation file. It never writes to that file."""

    extensions = ("csv", "html", "xlsx")
    binary_extensions = ("xlsx",)
    requires_known_extension = True

    @classmethod
    def get_name(cls) -> str:
        return "ropa"

    @classmethod
    def get_media_type(cls) -> str:
        return "text/csv"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        record = draft_record(report, preferences.organisation)
        if preferences.extension == "xlsx":
            return iter([render_workbook(record)])
        if preferences.extension == "html":
            return in_chunks(piece.encode() for piece in render_page(record))
        cells = ([spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows(record))
        return in_chunks(csv_lines([COLUMNS, *cells]))
