"""DOCX: paragraphs and tables, headers and footers, notes and comments."""

import re
from collections.abc import Iterator

from waivern.files.formats.archives.zip_reader import open_verified
from waivern.files.formats.documents.office_xml import links_of, properties_of, text_of
from waivern.files.formats.model.columns import in_one_line
from waivern.files.formats.model.document import Document, Part

_BODY = "word/document.xml"
_OTHER_PARTS = re.compile(r"word/((?:header|footer)\d*|comments|footnotes|endnotes)\.xml")
_LINKS = re.compile(r"word/_rels/[^/]+\.rels")


def read(document: Document) -> Iterator[Part]:
    """Yield one part for the body, and one for each header, footer, ...; the metadata `part` names it.

    Raises:
        UnreadableError: it is a bomb, or damaged.
    """
    with open_verified(document) as archive:
        yield Part(text_of(archive, _BODY))
        names = sorted(archive.namelist())
        for name in names:
            other_part = _OTHER_PARTS.fullmatch(name)
            text = text_of(archive, name) if other_part else ""
            if other_part and text.strip():
                yield Part(text, {"part": other_part[1]})
        links = [link for name in names if _LINKS.fullmatch(name) for link in links_of(archive, name)]
        if links:
            yield Part("\n".join(links), {"part": "links"})
        for key, value in properties_of(archive).items():
            yield Part(in_one_line(value), {"table": "properties", "column": key})
