"""Detecting a file's format: by the beginning of its content, else by its extension."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from waivern.files.formats.archives.zip_reader import open_archive
from waivern.files.formats.model.document import Document, Member, Part, suffix_of
from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode

Reader = Callable[[Document], Iterator[Part | Member | NotScanned]]


@dataclass(frozen=True)
class Format:
    """A file format.

    Args:
        description: Such a file in words, with an article.
        module: The module that has its `read`. It is imported on first use.
        is_text: Whether a file that does not follow the format, or is larger than `max_size`, is read as plain text.
        is_archive: Whether it holds nothing but other files.
        has_one_encoding: Whether the whole file is in one encoding.
        has_members: Whether it may hold other files.
        max_size: Larger files are read as plain text. Bytes.
        packages: The packages of the extra `documents` that are needed to read it.
    """

    description: str
    module: str
    is_text: bool = False
    is_archive: bool = False
    has_one_encoding: bool = True
    has_members: bool = False
    max_size: int | None = None
    packages: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        return all(find_spec(package) is not None for package in self.packages)

    def accepts(self, size: int) -> bool:
        """Return whether a text of this size, in bytes, is parsed; else it is read as plain text."""
        return self.is_installed and (self.max_size is None or size <= self.max_size)

    def reader(self) -> Reader:
        """Return the function that reads a document of this format."""
        return cast("Reader", import_module(self.module).read)


_FORMATS = "waivern.files.formats"
_MAX_TREE_SIZE = 20 * 10**6
PDF = Format("a PDF document", f"{_FORMATS}.documents.pdf", packages=("pypdf",))
DOCX = Format("a DOCX document", f"{_FORMATS}.documents.docx", packages=("defusedxml",))
XLSX = Format("an XLSX workbook", f"{_FORMATS}.documents.xlsx", packages=("openpyxl", "defusedxml"))
ZIP = Format("a ZIP archive", f"{_FORMATS}.archives.zip", is_archive=True, has_members=True)
GZIP = Format("gzip data", f"{_FORMATS}.archives.gzip", is_archive=True, has_members=True)
EML = Format("an e-mail", f"{_FORMATS}.text.eml", is_text=True, has_one_encoding=False, has_members=True)
HTML = Format("an HTML page", f"{_FORMATS}.text.html", is_text=True, max_size=_MAX_TREE_SIZE)
CSV = Format("a table", f"{_FORMATS}.tables.csv", is_text=True)
JSON = Format("JSON", f"{_FORMATS}.structured.json", is_text=True, max_size=_MAX_TREE_SIZE)
YAML = Format("YAML", f"{_FORMATS}.structured.yaml", is_text=True, max_size=_MAX_TREE_SIZE)
XML = Format("XML", f"{_FORMATS}.structured.xml", is_text=True, max_size=_MAX_TREE_SIZE, packages=("defusedxml",))

FORMATS = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), CSV),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson", ".har", ".ipynb"), JSON),
    **dict.fromkeys((".yaml", ".yml"), YAML),
    **dict.fromkeys((".xml", ".xsd", ".xsl", ".rss", ".atom", ".svg", ".kml", ".gpx", ".plist"), XML),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    ".eml": EML,
}
"""The text formats by extension."""

_GENERIC_SUFFIXES = frozenset({"", ".txt", ".log", ".bak", ".old", ".tmp", ".dat", ".data", ".xls"})
_TEXT_SIGNATURES = (
    (re.compile(rb"\s*<\?xml\s"), XML),
    (re.compile(rb"\s*<(?:!doctype html|html)[\s>]", re.IGNORECASE), HTML),
    (re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])"), JSON),
)
_HEAD_BYTES = 1024


def format_of(document: Document) -> Format | None:
    """Return a file's format; None for plain text and for formats that are not supported.

    XML, HTML and JSON are also detected in files with a generic extension, such as `.log`. With any other extension,
    the extension decides: a program may begin as a page does.

    Raises:
        UnreadableError: it is a ZIP archive that is damaged or a bomb.
    """
    head = document.content[:_HEAD_BYTES]
    if head.lstrip(b"\xef\xbb\xbf\0 \t\r\n").startswith(b"%PDF-"):
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_based_format(document.content)
    if head.startswith(b"\x1f\x8b\x08"):
        return GZIP
    suffix = suffix_of(document.name)
    if suffix in _GENERIC_SUFFIXES:
        return next((format_ for signature, format_ in _TEXT_SIGNATURES if signature.match(head)), None)
    return FORMATS.get(suffix)


def _zip_based_format(content: bytes) -> Format:
    with open_archive(content) as archive:
        names = set(archive.namelist())
    if "[Content_Types].xml" not in names:
        return ZIP
    if "word/document.xml" in names:
        return DOCX
    return XLSX if "xl/workbook.xml" in names else ZIP


def check_installed(format_: Format) -> None:
    """Check that the packages for a format are installed.

    Raises:
        UnreadableError: they are not; the message names the extra to install.
    """
    if not format_.is_installed:
        reason = f"{format_.description}: pip install 'waivern[documents]' to read it"
        raise UnreadableError(reason, ReasonCode.NOT_INSTALLED)
