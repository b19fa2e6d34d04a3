"""YAML: values by the path of their keys, and its comments.

libyaml's events are read, not its documents: nothing is built that an alias could multiply, and values stay as they
are written.
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

from waivern.files.formats.columns import KeyedValues
from waivern.files.formats.document import Document, Part, UnsuitableError, stem_of
from waivern.files.formats.lined_text import LinedText

DEEPEST = 100
_NOTHING = ("", "~", "null", "Null", "NULL")


def read(document: Document) -> Iterator[Part]:
    """Make one part a key path and stretch of values, and one of the comments, each in its line.

    Raises:
        UnsuitableError: it is no YAML, has an alias, a key that is no text, is nested more than 100 deep, or has more
            than 5,000 key paths.
    """
    text = document.text
    comments = _Comments(text)
    reader = _Reader(KeyedValues(stem_of(document.name)))
    try:
        for event in parse(text, Loader=CSafeLoader):
            comments.between(event)
            reader.take(event)
    except (YAMLError, UnicodeError, RecursionError):
        raise UnsuitableError from None
    if comments.found:
        yield Part(comments.found.text())
    yield from reader.values.parts()


@dataclass(slots=True)
class _Place:
    """Where in the tree the reader is: in a mapping (whose next value belongs to `key`), or in a sequence."""

    is_mapping: bool
    path: str
    table: str
    key: str | None = None
    awaits_key: bool = False


class _Reader:
    def __init__(self, values: KeyedValues) -> None:
        self.values = values
        self._places: list[_Place] = []

    def take(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            raise UnsuitableError
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(is_mapping=isinstance(event, MappingStartEvent))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._places.pop()

    def _scalar(self, event: Any) -> None:
        if not self._places:
            raise UnsuitableError  # a document of one value is any text
        place = self._places[-1]
        if place.awaits_key:
            place.key, place.awaits_key = self.values.name_of(place.path, event.value), False
            return
        is_nothing = event.implicit[0] and event.value in _NOTHING
        table = place.path if place.is_mapping else place.table
        self.values.add(table, place.key, None if is_nothing else event.value)
        place.awaits_key = place.is_mapping

    def _open(self, *, is_mapping: bool) -> None:
        path, table, key = "", "", None
        if self._places:
            path, table, key = self._below(self._places[-1])
        if len(self._places) >= DEEPEST:
            raise UnsuitableError
        self._places.append(_Place(is_mapping, path, table, key, awaits_key=is_mapping))

    def _below(self, place: _Place) -> tuple[str, str, str | None]:
        if place.awaits_key:
            raise UnsuitableError
        if not place.is_mapping:
            return f"{place.path}[]", place.table, place.key
        place.awaits_key = True
        return f"{place.path}.{place.key}" if place.path else str(place.key), place.path, place.key


class _Comments:
    """What stands between two events and begins with "#"."""

    def __init__(self, text: str) -> None:
        self._text = text if "#" in text else ""
        self._end = 0
        self.found = LinedText()

    def between(self, event: Any) -> None:
        if not self._text:
            return
        gap = self._text[self._end : event.start_mark.index]
        if "#" in gap:
            line = event.start_mark.line + 1 - gap.count("\n")
            for number, written in enumerate(gap.split("\n")):
                _, sign, comment = written.partition("#")
                if sign:
                    self.found.put(comment.strip(), line=line + number)
        self._end = max(self._end, event.end_mark.index)
