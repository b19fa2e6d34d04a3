"""HTML: what a reader sees, and what its attributes and scripts say, each in its line."""

from collections.abc import Iterator

from waivern.files.formats.document import Document, Part
from waivern.files.formats.lined_text import LinedText
from waivern.files.formats.markup import Markup, Piece

_SAYING = frozenset({"href", "src", "content", "value", "alt", "title", "action", "placeholder", "aria-label"})
_WITHIN_A_LINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins"}
)
_WITHIN_A_LINE |= {"kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr"}
_ASKING = frozenset({"form", "input", "select", "textarea"})


def read(document: Document) -> Iterator[Part]:
    """Make one part of the page."""
    yield Part(text_of(document.text))


def text_of(page: str) -> str:
    """Return what a page says, line by line as in its source.

    That is its visible text, the values of attributes that hold text or addresses, its comments and scripts; style
    sheets and all other markup are left away. The tags of forms stay as they are: what asks for data says so by them.
    """
    seen = LinedText()
    line, counted, apart = 1, 0, True
    for piece in Markup(page):
        line += page.count("\n", counted, piece.start)
        counted = piece.start
        if piece.kind == "tag":
            apart = apart or piece.name not in _WITHIN_A_LINE
            for said in _said(piece):
                seen.put(said, line=line)
                apart = True
        elif piece.kind == "text":
            apart = _put_text(seen, piece.text, line, apart=apart)
        elif piece.kind in ("script", "comment"):
            apart = _put_text(seen, piece.text, line, apart=True) or True
    return seen.text()


def _put_text(seen: LinedText, text: str, line: int, *, apart: bool) -> bool:
    """Put it, and say whether what follows is still apart from what was before: blanks alone join nothing."""
    if not apart:
        seen.put(text, line=line, apart=False)
        return False
    shown = text.lstrip()
    blanks = text[: len(text) - len(shown)]
    seen.put(shown, line=line + blanks.count("\n"))
    return not shown


def _said(tag: Piece) -> Iterator[str]:
    if tag.name in _ASKING:
        yield tag.text
        return
    for key, value in tag.attributes:
        if value.strip() and (key in _SAYING or key.startswith("data-")):
            yield value
