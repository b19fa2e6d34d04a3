"""PDF: the text of its pages, its form fields and its properties."""

import logging
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, Part
from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode

if TYPE_CHECKING:
    from pypdf import PdfReader

_MAX_LISTED_PAGES = 20


def read(document: Document) -> Iterator[Part | NotScanned]:
    """Yield one part per page, form field and property.

    Pages that cannot be read or contain no text are reported as not scanned, by number.

    Raises:
        UnreadableError: it is encrypted with a password.
    """
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs each flaw of a file, sometimes hundreds
    reader = PdfReader(BytesIO(document.content))
    _decrypt(reader)
    yield from _pages(reader, document.name)
    yield from _properties(reader, document.name)


def _decrypt(reader: "PdfReader") -> None:
    """Decrypt with the empty password: many documents are encrypted that way only to restrict printing or editing."""
    from pypdf.errors import DependencyError

    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("an encrypted PDF document", ReasonCode.ENCRYPTED)
    except (DependencyError, NotImplementedError):
        reason = "an encrypted PDF document, with a cipher that is not supported"
        raise UnreadableError(reason, ReasonCode.ENCRYPTED) from None


def _pages(reader: "PdfReader", name: str) -> Iterator[Part | NotScanned]:
    without_text: list[int] = []
    for number, page in enumerate(reader.pages, start=1):
        try:
            text = page.extract_text()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  a page may be damaged in any way; the others are still read
            reason = f"page {number} cannot be read ({type(error).__name__})"
            yield NotScanned(name, reason, ReasonCode.DAMAGED)
            continue
        if text.strip():
            yield Part(text, {"page": number})
        else:
            without_text.append(number)
    if without_text:
        listed = ", ".join(map(str, without_text[:_MAX_LISTED_PAGES]))
        more = ", ..." if len(without_text) > _MAX_LISTED_PAGES else ""
        pages = "page" if len(without_text) == 1 else f"{len(without_text)} pages:"
        reason = f"{pages} {listed}{more} without text: blank, or an image of text"
        yield NotScanned(name, reason, ReasonCode.NO_TEXT)


def _properties(reader: "PdfReader", name: str) -> Iterator[Part | NotScanned]:
    try:
        values = [("properties", key.lstrip("/"), value) for key, value in (reader.metadata or {}).items()]
        fields = reader.get_form_text_fields() or {}
        values += [("form", str(key), value) for key, value in fields.items()]
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  as above
        reason = f"form and properties cannot be read ({type(error).__name__})"
        yield NotScanned(name, reason, ReasonCode.DAMAGED)
        return
    for table, column, value in values:
        if value is not None and str(value).strip():
            yield Part(in_one_line(str(value)), {"table": table, "column": column})
