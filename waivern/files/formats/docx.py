"""DOCX: paragraphs and tables, headers and footers, notes and comments."""

import re
from collections.abc import Iterator

from waivern.files.formats.archives import opened
from waivern.files.formats.columns import in_one_line
from waivern.files.formats.document import Document, Part
from waivern.files.formats.office import links_of, properties_of, text_of

_BODY = "word/document.xml"
_BESIDE = re.compile(r"word/((?:header|footer)\d*|comments|footnotes|endnotes)\.xml")
_LINKS = re.compile(r"word/_rels/[^/]+\.rels")


def read(document: Document) -> Iterator[Part]:
    """Make one part of the body, and one of each thing beside it: `part` says which.

    Raises:
        UnreadableError: it is a bomb, or damaged.
    """
    with opened(document) as archive:
        yield Part(text_of(archive, _BODY))
        names = sorted(archive.namelist())
        for name in names:
            beside = _BESIDE.fullmatch(name)
            text = text_of(archive, name) if beside else ""
            if beside and text.strip():
                yield Part(text, {"part": beside[1]})
        links = [link for name in names if _LINKS.fullmatch(name) for link in links_of(archive, name)]
        if links:
            yield Part("\n".join(links), {"part": "links"})
        for key, value in properties_of(archive).items():
            yield Part(in_one_line(value), {"table": "properties", "column": key})
