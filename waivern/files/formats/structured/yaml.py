"""YAML: values by key path, and comments.

libyaml's events are read instead of its documents: an alias cannot multiply anything, and values keep their notation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yaml import (
    AliasEvent,
    CSafeLoader,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    YAMLError,
    parse,
)

from waivern.files.formats.model.document import Document, FormatError, Part, stem_of
from waivern.files.formats.model.line_text import LineText
from waivern.files.formats.structured.key_paths import KeyedValues

MAX_DEPTH = 100
_NULLS = ("", "~", "null", "Null", "NULL")


def read(document: Document) -> Iterator[Part]:
    """Yield one part per key path and chunk of values, and one for the comments, each comment in its line.

    Raises:
        FormatError: it is not YAML, has an alias or a key that is not text, is nested more than 100 deep, or has
            more than 5,000 key paths.
    """
    text = document.text
    comments = _Comments(text)
    collector = _Collector(KeyedValues(stem_of(document.name)))
    try:
        for event in parse(text, Loader=CSafeLoader):
            comments.collect_before(event)
            collector.handle(event)
    except (YAMLError, UnicodeError, RecursionError):
        raise FormatError from None
    if comments.found:
        yield Part(comments.found.text())
    yield from collector.values.parts()


@dataclass(slots=True)
class _Container:
    """A mapping (whose next value belongs to `key`) or a sequence that the parser is in."""

    is_mapping: bool
    path: str
    table: str
    key: str | None = None
    awaits_key: bool = False


class _Collector:
    def __init__(self, values: KeyedValues) -> None:
        self.values = values
        self._open_containers: list[_Container] = []

    def handle(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            raise FormatError
        if isinstance(event, ScalarEvent):
            self._add_scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(is_mapping=isinstance(event, MappingStartEvent))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._open_containers.pop()

    def _add_scalar(self, event: Any) -> None:
        if not self._open_containers:
            raise FormatError  # any text is a YAML document of one scalar
        container = self._open_containers[-1]
        if container.awaits_key:
            container.key, container.awaits_key = self.values.name_of(container.path, event.value), False
            return
        is_null = event.implicit[0] and event.value in _NULLS
        table = container.path if container.is_mapping else container.table
        self.values.add(table, container.key, None if is_null else event.value)
        container.awaits_key = container.is_mapping

    def _open(self, *, is_mapping: bool) -> None:
        path, table, key = "", "", None
        if self._open_containers:
            path, table, key = self._child_of(self._open_containers[-1])
        if len(self._open_containers) >= MAX_DEPTH:
            raise FormatError
        self._open_containers.append(_Container(is_mapping, path, table, key, awaits_key=is_mapping))

    def _child_of(self, container: _Container) -> tuple[str, str, str | None]:
        if container.awaits_key:
            raise FormatError
        if not container.is_mapping:
            return self.values.path_of(container.path, None), container.table, container.key
        container.awaits_key = True
        return self.values.path_of(container.path, str(container.key)), container.path, container.key


class _Comments:
    """Collects the comments: text between two events that begins with "#"."""

    def __init__(self, text: str) -> None:
        self._text = text if "#" in text else ""
        self._end = 0
        self.found = LineText()

    def collect_before(self, event: Any) -> None:
        if not self._text:
            return
        gap = self._text[self._end : event.start_mark.index]
        if "#" in gap:
            first_line = event.start_mark.line + 1 - gap.count("\n")
            for number, line in enumerate(gap.split("\n")):
                _, sign, comment = line.partition("#")
                if sign:
                    self.found.add(comment.strip(), line=first_line + number)
        self._end = max(self._end, event.end_mark.index)
