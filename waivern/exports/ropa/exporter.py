"""The draft record as CSV, as an XLSX workbook or as a page: the file's ending says which."""

from collections.abc import Iterator

from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.encoding.spreadsheet_cells import csv_lines, escape_formula
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report
from waivern.exports.ropa.page import page_of
from waivern.exports.ropa.record import record_of
from waivern.exports.ropa.tables import COLUMNS, rows_of
from waivern.exports.ropa.workbook import workbook_of


class RopaExporter(Exporter):
    """What the organisation declares stays in its file, which no export touches: a later one reads it again."""

    endings = ("csv", "html", "xlsx")
    binary_endings = ("xlsx",)
    decides_by_ending = True

    @classmethod
    def get_name(cls) -> str:
        return "ropa"

    @classmethod
    def get_media_type(cls) -> str:
        return "text/csv"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        record = record_of(report, preferences.organisation)
        if preferences.ending == "xlsx":
            return iter([workbook_of(record)])
        if preferences.ending == "html":
            return in_chunks(part.encode() for part in page_of(record))
        rows = ([escape_formula(each) if isinstance(each, str) else each for each in row] for row in rows_of(record))
        return in_chunks(csv_lines([COLUMNS, *rows]))
