"""Which format a file is of: by how its content begins, else by the extension of its name."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from waivern.files.formats.archives import listed
from waivern.files.formats.document import Document, Member, Part, suffix_of
from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode

Reader = Callable[[Document], Iterator[Part | Member | NotScanned]]


@dataclass(frozen=True)
class Format:
    """A format that files are taken apart by.

    Args:
        what: What such a file is, with its article.
        module: The module of this folder that has its `read`.
        is_text: Whether a file that does not parse is read as plain text, and one that is too large is, too.
        is_archive: Whether it has files in it and nothing else.
        is_decoded: Whether the whole file is in one encoding.
        holds_files: Whether there may be files in it.
        most: A larger one is read as plain text. Bytes.
        needs: The packages that reading it takes, of the extra `documents`.
    """

    what: str
    module: str
    is_text: bool = False
    is_archive: bool = False
    is_decoded: bool = True
    holds_files: bool = False
    most: int | None = None
    needs: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        return all(find_spec(package) is not None for package in self.needs)

    def reader(self) -> Reader:
        """Return what takes a document apart."""
        return cast("Reader", import_module(f"waivern.files.formats.{self.module}").read)


_LARGEST_TREE = 20 * 10**6
PDF = Format("a PDF document", "pdf", needs=("pypdf",))
DOCX = Format("a DOCX document", "docx", needs=("defusedxml",))
XLSX = Format("an XLSX workbook", "xlsx", needs=("openpyxl", "defusedxml"))
ZIP = Format("a ZIP archive", "zip", is_archive=True, holds_files=True)
GZIP = Format("gzip data", "gzip", is_archive=True, holds_files=True)
MAIL = Format("an e-mail", "mail", is_text=True, is_decoded=False, holds_files=True)
HTML = Format("an HTML page", "html", is_text=True, most=_LARGEST_TREE)
TABLE = Format("a table", "separated", is_text=True)
JSON = Format("JSON", "json_values", is_text=True, most=_LARGEST_TREE)
YAML = Format("YAML", "yaml_values", is_text=True, most=_LARGEST_TREE)
XML = Format("XML", "xml_values", is_text=True, most=_LARGEST_TREE, needs=("defusedxml",))

FORMATS = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), TABLE),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson", ".har", ".ipynb"), JSON),
    **dict.fromkeys((".yaml", ".yml"), YAML),
    **dict.fromkeys((".xml", ".xsd", ".xsl", ".rss", ".atom", ".svg", ".kml", ".gpx", ".plist"), XML),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    ".eml": MAIL,
}
"""The formats of text, by extension."""

_SAYING_NOTHING = frozenset({"", ".txt", ".log", ".bak", ".old", ".tmp", ".dat", ".data", ".xls"})
_BEGINNINGS = (
    (re.compile(rb"\s*<\?xml\s"), XML),
    (re.compile(rb"\s*<(?:!doctype html|html)[\s>]", re.IGNORECASE), HTML),
    (re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])"), JSON),
)
_HEAD = 1024


def format_of(document: Document) -> Format | None:
    """Return the format of a file; None for plain text and for what nobody takes apart.

    A file whose extension says nothing of its content, such as `.log`, is looked at for XML, HTML and JSON as well;
    other text is what its extension says, for a program may begin as a page does.

    Raises:
        UnreadableError: it is a ZIP archive that is damaged or a bomb.
    """
    head = document.content[:_HEAD]
    if head.lstrip(b"\xef\xbb\xbf\0 \t\r\n").startswith(b"%PDF-"):
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _of_zip(document.content)
    if head.startswith(b"\x1f\x8b\x08"):
        return GZIP
    suffix = suffix_of(document.name)
    if suffix in _SAYING_NOTHING:
        return next((kind for beginning, kind in _BEGINNINGS if beginning.match(head)), None)
    return FORMATS.get(suffix)


def _of_zip(content: bytes) -> Format:
    with listed(content) as archive:
        names = set(archive.namelist())
    if "[Content_Types].xml" not in names:
        return ZIP
    if "word/document.xml" in names:
        return DOCX
    return XLSX if "xl/workbook.xml" in names else ZIP


def check_installed(kind: Format) -> None:
    """Check that a format can be read.

    Raises:
        UnreadableError: it takes packages that are not installed; the text says which extra has them.
    """
    if not kind.is_installed:
        reason = f"{kind.what}: pip install 'waivern[documents]' to read it"
        raise UnreadableError(reason, ReasonCode.NOT_INSTALLED)
