"""HTML: visible text, attributes, comments and scripts, each in its line."""

from collections.abc import Iterator

from waivern.files.formats.model.document import Document, Part
from waivern.files.formats.model.line_text import LineText
from waivern.files.formats.text.html_tokenizer import HtmlTokens, Token

_TEXT_ATTRIBUTES = frozenset({"href", "src", "content", "value", "alt", "title", "action", "placeholder", "aria-label"})
_INLINE_TAGS = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins"}
)
_INLINE_TAGS |= {"kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr"}
_FORM_TAGS = frozenset({"form", "input", "select", "textarea"})


def read(document: Document) -> Iterator[Part]:
    """Yield one part: the text of the page."""
    yield Part(text_of(document.text))


def text_of(page: str) -> str:
    """Return the text of a page; every line keeps its number.

    It includes the visible text, attributes that hold text or addresses, comments and scripts, but no style sheets and
    no other markup. The tags of forms are kept as they are, because they show which data the page asks for.
    """
    lines = LineText()
    line, counted, separate = 1, 0, True
    for token in HtmlTokens(page):
        line += page.count("\n", counted, token.start)
        counted = token.start
        if token.kind == "tag":
            separate = separate or token.name not in _INLINE_TAGS
            for text in _texts_of_tag(token):
                lines.add(text, line=line)
                separate = True
        elif token.kind == "text":
            separate = _add_text(lines, token.text, line, separate=separate)
        elif token.kind in ("script", "comment"):
            separate = _add_text(lines, token.text, line, separate=True) or True
    return lines.text()


def _add_text(lines: LineText, text: str, line: int, *, separate: bool) -> bool:
    """Add a text, and return whether the next one is still separate from the previous: blanks alone join nothing."""
    if not separate:
        lines.add(text, line=line, separate=False)
        return False
    stripped = text.lstrip()
    blanks = text[: len(text) - len(stripped)]
    lines.add(stripped, line=line + blanks.count("\n"))
    return not stripped


def _texts_of_tag(tag: Token) -> Iterator[str]:
    if tag.name in _FORM_TAGS:
        yield tag.text
        return
    for key, value in tag.attributes:
        if value.strip() and (key in _TEXT_ATTRIBUTES or key.startswith("data-")):
            yield value
