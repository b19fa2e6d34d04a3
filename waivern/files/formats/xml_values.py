"""XML: texts and attributes by the path of their elements, and its comments.

Nothing is built: expat's events are read as they come. Entities of the file's own and references to other files are
refused by defusedxml.
"""

from collections.abc import Iterator
from typing import Any

from waivern.files.formats.columns import KeyedValues
from waivern.files.formats.document import Document, Part, UnsuitableError, stem_of
from waivern.files.formats.lined_text import LinedText

DEEPEST = 100
_PIECE = 1_000_000


def read(document: Document) -> Iterator[Part]:
    """Make one part a path and stretch of values, and one of the comments, each in its line.

    Raises:
        UnsuitableError: it is no XML, declares entities, is nested more than 100 deep, or has more than 5,000 paths.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    tree = _Tree(KeyedValues(stem_of(document.name)))
    parser = DefusedXMLParser(target=tree)
    tree.position = parser.parser
    text = document.text
    try:
        for start in range(0, len(text), _PIECE):
            parser.feed(text[start : start + _PIECE])
        parser.close()
    except (ParseError, DefusedXmlException, UnicodeError):
        raise UnsuitableError from None
    if tree.comments:
        yield Part(tree.comments.text())
    yield from tree.values.parts()


class _Tree:
    """Takes the events: the target of a parser of the standard library."""

    def __init__(self, values: KeyedValues) -> None:
        self.values = values
        self.comments = LinedText()
        self.position: Any = None
        self._paths: list[tuple[str, str]] = []
        self._texts: list[list[str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._paths) >= DEEPEST:
            raise UnsuitableError
        above = self._path()
        name = _local(tag)
        self._paths.append((above, name))
        self._texts.append([])
        for key, value in attributes.items():
            self.values.add(self._path(), f"@{_local(key)}", value)

    def data(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def end(self, tag: str) -> None:  # noqa: ARG002  it is the one that was started last
        text = "".join(self._texts.pop()).strip()
        table, name = self._paths.pop()
        if text:
            self.values.add(table, name, text)

    def comment(self, text: str) -> None:
        self.comments.put(text, line=self.position.CurrentLineNumber)

    def pi(self, target: str, text: str | None = None) -> None:
        self.comments.put(f"{target} {text or ''}", line=self.position.CurrentLineNumber)

    def close(self) -> None:
        pass

    def _path(self) -> str:
        if not self._paths:
            return ""
        above, name = self._paths[-1]
        return f"{above}.{name}" if above else name


def _local(name: str) -> str:
    return name.rpartition("}")[2]
