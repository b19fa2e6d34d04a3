"""XLSX: the columns of the sheets, and the comments."""

import re
from collections.abc import Iterator
from zipfile import ZipFile

from waivern.files.formats.archives.zip_reader import open_verified
from waivern.files.formats.documents.office_xml import properties_of, text_of
from waivern.files.formats.documents.workbook import Workbook, open_workbook, rows_of
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, Part
from waivern.files.formats.tables.table import sparse_table_parts
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
        yield from _sheets(archive, open_workbook(archive), document.name)
        for name in sorted(archive.namelist()):
            text = text_of(archive, name) if _COMMENTS.fullmatch(name) else ""
            if text.strip():
                yield Part(text, {"part": "comments and drawings"})
        for key, value in properties_of(archive).items():
            yield Part(in_one_line(value), {"table": "properties", "column": key})


def _sheets(archive: ZipFile, workbook: Workbook, name: str) -> Iterator[Part | NotScanned]:
    for title, member in workbook.sheets.items():
        try:
            yield from sparse_table_parts(rows_of(archive, member, workbook), table=title)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  a sheet may be damaged in any way; the others are still read
            reason = f"a sheet that cannot be read to its end ({type(error).__name__})"
            yield NotScanned(f"{name}:{title}", reason, ReasonCode.DAMAGED)
