"""XML: texts and attributes by the path of their elements, and comments.

No tree is built: expat's events are read as they come. defusedxml refuses entities that the file declares and
references to other files.
"""

from collections.abc import Iterator
from typing import Any

from waivern.files.formats.model.document import Document, FormatError, Part, stem_of
from waivern.files.formats.model.line_text import LineText
from waivern.files.formats.structured.key_paths import MAX_KEY_LENGTH, KeyedValues

MAX_DEPTH = 100
_CHUNK_SIZE = 1_000_000


def read(document: Document) -> Iterator[Part]:
    """Yield one part per path and chunk of values, and one for the comments, each comment in its line.

    Raises:
        FormatError: it is not XML, declares entities, is nested more than 100 deep, or has more than 5,000 paths.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    collector = _Collector(KeyedValues(stem_of(document.name)))
    parser = DefusedXMLParser(target=collector)
    collector.position = parser.parser
    text = document.text
    try:
        for start in range(0, len(text), _CHUNK_SIZE):
            parser.feed(text[start : start + _CHUNK_SIZE])
        parser.close()
    except (ParseError, DefusedXmlException, UnicodeError):
        raise FormatError from None
    if collector.comments:
        yield Part(collector.comments.text())
    yield from collector.values.parts()


class _Collector:
    """Receives the parser's events: the target of an XMLParser of the standard library."""

    def __init__(self, values: KeyedValues) -> None:
        self.values = values
        self.comments = LineText()
        self.position: Any = None
        self._open: list[tuple[str, str, str]] = []
        self._texts: list[list[str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise FormatError
        parent, name = self._open[-1][0] if self._open else "", _local_name(tag)
        path = self.values.path_of(parent, name)
        self._open.append((path, parent, name))
        self._texts.append([])
        for key, value in attributes.items():
            self.values.add(path, f"@{_local_name(key)}", value)

    def data(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def end(self, tag: str) -> None:  # noqa: ARG002  always the element that was started last
        text = "".join(self._texts.pop()).strip()
        _, table, name = self._open.pop()
        if text:
            self.values.add(table, name, text)

    def comment(self, text: str) -> None:
        self.comments.add(text, line=self.position.CurrentLineNumber)

    def pi(self, target: str, text: str | None = None) -> None:
        self.comments.add(f"{target} {text or ''}", line=self.position.CurrentLineNumber)

    def close(self) -> None:
        pass


def _local_name(name: str) -> str:
    return name.rpartition("}")[2][:MAX_KEY_LENGTH]
