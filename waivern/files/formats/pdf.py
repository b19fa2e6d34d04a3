"""PDF: the text of its pages, its form fields and what it says of itself."""

import logging
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from waivern.files.formats.columns import in_one_line
from waivern.files.formats.document import Document, Part
from waivern.files.reading import UnreadableError
from waivern.messages.not_scanned import NotScanned, ReasonCode

if TYPE_CHECKING:
    from pypdf import PdfReader

_MOST_NAMED = 20


def read(document: Document) -> Iterator[Part | NotScanned]:
    """Make one part a page, and one of each form field and property.

    Pages that cannot be read, or hold no text, are left out by their numbers.

    Raises:
        UnreadableError: it is encrypted with a password.
    """
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of each flaw of a file, hundreds at times
    reader = PdfReader(BytesIO(document.content))
    _unlock(reader)
    yield from _pages(reader, document.name)
    yield from _properties(reader, document.name)


def _unlock(reader: "PdfReader") -> None:
    """Many documents are encrypted with the empty password, which keeps nobody from reading."""
    from pypdf.errors import DependencyError

    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("an encrypted PDF document", ReasonCode.ENCRYPTED)
    except (DependencyError, NotImplementedError):
        reason = "an encrypted PDF document, by a cipher that is not read"
        raise UnreadableError(reason, ReasonCode.ENCRYPTED) from None


def _pages(reader: "PdfReader", name: str) -> Iterator[Part | NotScanned]:
    without_text: list[int] = []
    for number, page in enumerate(reader.pages, start=1):
        try:
            text = page.extract_text()
        except Exception as error:  # noqa: BLE001  a page may be broken in any way, the others are read
            reason = f"a page that cannot be read ({type(error).__name__})"
            yield NotScanned(f"{name} (page {number})", reason, ReasonCode.DAMAGED)
            continue
        if text.strip():
            yield Part(text, {"page": number})
        else:
            without_text.append(number)
    if without_text:
        named = ", ".join(map(str, without_text[:_MOST_NAMED])) + (", ..." if len(without_text) > _MOST_NAMED else "")
        pages = "page" if len(without_text) == 1 else f"{len(without_text)} pages:"
        yield NotScanned(f"{name} ({pages} {named})", "no text: blank, or a picture of one", ReasonCode.NO_TEXT)


def _properties(reader: "PdfReader", name: str) -> Iterator[Part | NotScanned]:
    try:
        said = [("properties", key.lstrip("/"), value) for key, value in (reader.metadata or {}).items()]
        fields = reader.get_form_text_fields() or {}
        said += [("form", str(key), value) for key, value in fields.items()]
    except Exception as error:  # noqa: BLE001  likewise
        reason = f"they cannot be read ({type(error).__name__})"
        yield NotScanned(f"{name} (form and properties)", reason, ReasonCode.DAMAGED)
        return
    for table, column, value in said:
        if value is not None and str(value).strip():
            yield Part(in_one_line(str(value)), {"table": table, "column": column})
