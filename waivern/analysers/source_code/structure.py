"""What a source file is made of, by tree-sitter: functions, classes, imports, comments and strings."""

import functools
import importlib
import re
from bisect import bisect_left
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from itertools import accumulate
from operator import itemgetter, sub
from typing import Any

from waivern.analysers.source_code.grammars import GRAMMARS

MOST_BYTES = 1_000_000
"""A longer file is not parsed."""

DEEPEST = 500
"""A file whose brackets are nested more deeply is not parsed: looking through it costs the square of the depth."""

MOST_OF_A_KIND = 10_000
"""So many functions, classes, imports, comments or strings are told of a file; how many more there are is counted."""

LONGEST_TEXT = 500
"""Characters of a comment or string that are told."""

_KINDS = {"function": "functions", "class": "classes", "import": "imports", "comment": "comments", "string": "strings"}
_AROUND_IMPORT = re.compile(r"^(?:import|using|global using|static)\s+|\s+as\s+.*$|[;\s]+$", re.DOTALL)
_STEPS = {**dict.fromkeys(b"([{", 1), **dict.fromkeys(b")]}", -1)}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)
_QUOTES = "\"'`"
_QUOTE_BYTES = _QUOTES.encode()
_LINE_END = re.compile(rb"\n")
_PLACE = itemgetter("start_line", "end_line", "name")


def is_available() -> bool:
    """Say whether tree-sitter and its grammars are installed."""
    return all(find_spec(module) for module in ("tree_sitter", *(grammar.module for grammar in GRAMMARS.values())))


def parser_version() -> str:
    """Return what decides a structure beside the text: the version of tree-sitter, or that there is none."""
    return f"tree-sitter {version('tree-sitter')}" if is_available() else "no structure"


def has_grammar(language: str) -> bool:
    """Say whether the structure of files of a language can be told."""
    return language in GRAMMARS


def fault_of(data: bytes) -> str | None:
    """Say why a file is not parsed; None where it is."""
    if len(data) > MOST_BYTES:
        return f"larger than {MOST_BYTES:,} bytes"
    heights = [*accumulate(map(_STEPS.__getitem__, data.translate(None, delete=_NO_BRACKETS)))]
    grounds = accumulate(heights, min, initial=0)  # what closes more than was opened is in nothing
    next(grounds)
    if max(map(sub, heights, grounds), default=0) > DEEPEST:
        return f"its brackets are nested more than {DEEPEST} deep"
    return None


def structure_of(data: bytes, language: str, *, is_tsx: bool = False) -> dict[str, Any]:
    """Return the structure of a file in UTF-8 that `fault_of` has nothing against; lines count from 1.

    `functions` [{name, start_line, end_line, parameters}], `classes` [{name, start_line, end_line}], `imports`
    [{name, line}], `comments` and `strings` [{text, line}]; `has_errors` where some of it could not be parsed, and
    `truncated` {kind: how many more there are} where there are too many to tell.
    """
    asked = _asked("tsx" if is_tsx else language)
    tree = asked.parser.parse(data)
    told, kinds = _Told(data), asked.kinds
    for pattern, captures in asked.matches(tree.root_node):
        told.note(kinds.get(pattern) or asked.kind_of(pattern, captures), captures)
    structure, beyond = told.structure(), told.beyond()
    if tree.root_node.has_error:
        structure["has_errors"] = True
    return {**structure, "truncated": beyond} if beyond else structure


class _Told:
    """What is told of a file: matches are many, so most give a tuple only, which sorts by itself."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._line_ends = [match.start() for match in _LINE_END.finditer(data)]
        self._definitions: dict[str, list[dict[str, Any]]] = {"function": [], "class": []}
        self._mentions: dict[str, list[tuple[int, str]]] = {"import": [], "comment": [], "string": []}

    def note(self, kind: str, captures: Mapping[str, Any]) -> None:
        node = captures[kind][0]
        mentions = self._mentions.get(kind)
        if mentions is None:
            self._definitions[kind].append(self._definition(node, captures))
            return
        start, end = node.start_byte, node.end_byte
        if kind == "string" and start < end and self._data[start] not in _QUOTE_BYTES and node.type == "literal":
            return  # of SQL numbers are literals too
        text = self._text(start, end)
        if kind == "import":
            text = _AROUND_IMPORT.sub("", text).strip(_QUOTES)
        mentions.append((bisect_left(self._line_ends, start) + 1, text))

    def structure(self) -> dict[str, Any]:
        """Return the first of each kind, in their order."""
        told: dict[str, Any] = {}
        for kind, definitions in self._definitions.items():
            told[_KINDS[kind]] = sorted(definitions, key=_PLACE)[:MOST_OF_A_KIND]
        for kind, mentions in self._mentions.items():
            said = "name" if kind == "import" else "text"
            told[_KINDS[kind]] = [{said: text, "line": line} for line, text in sorted(mentions)[:MOST_OF_A_KIND]]
        return told

    def beyond(self) -> dict[str, int]:
        """Return how many more there are of the kinds of which there are too many."""
        found: dict[str, list[Any]] = {**self._definitions, **self._mentions}
        return {_KINDS[kind]: len(each) - MOST_OF_A_KIND for kind, each in found.items() if len(each) > MOST_OF_A_KIND}

    def _definition(self, node: Any, captures: Mapping[str, Any]) -> dict[str, Any]:
        lines = {"start_line": self._line(node.start_byte), "end_line": self._line(node.end_byte)}
        entry: dict[str, Any] = {"name": self._text_of(captures["name"][0]), **lines}
        if "function" in captures:
            given = captures.get("parameters")
            entry["parameters"] = self._text_of(given[0]).strip("()") if given else ""
        return entry

    def _line(self, byte: int) -> int:
        return bisect_left(self._line_ends, byte) + 1

    def _text_of(self, node: Any) -> str:
        return self._text(node.start_byte, node.end_byte)

    def _text(self, start: int, end: int) -> str:
        if end - start > LONGEST_TEXT:
            return self._data[start : min(end, start + 4 * LONGEST_TEXT)].decode("utf-8", "ignore")[:LONGEST_TEXT]
        return self._data[start:end].decode("utf-8", "ignore")


class _Asked:
    """A grammar's parser and query; parsers are not for several threads at once, so each call makes its own."""

    def __init__(self, language: str) -> None:
        tree_sitter: Any = importlib.import_module("tree_sitter")
        grammar = GRAMMARS[language]
        self._language = tree_sitter.Language(getattr(importlib.import_module(grammar.module), grammar.maker)())
        self._query = tree_sitter.Query(self._language, grammar.query)
        self._tree_sitter = tree_sitter
        self.kinds: dict[int, str] = {}

    @property
    def parser(self) -> Any:
        return self._tree_sitter.Parser(self._language)

    def kind_of(self, pattern: int, captures: Mapping[str, Any]) -> str:
        """Return what the pattern with this number finds, given what it has found once, and keep it in `kinds`."""
        kind = self.kinds[pattern] = next(kind for kind in _KINDS if kind in captures)
        return kind

    def matches(self, node: Any) -> Any:
        return self._tree_sitter.QueryCursor(self._query).matches(node)


@functools.cache
def _asked(language: str) -> _Asked:
    return _Asked(language)
