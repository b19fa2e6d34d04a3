"""The structure of source files, parsed by tree-sitter: functions, classes, imports, comments and strings."""

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

MAX_BYTES = 1_000_000
"""Longer files are not parsed."""

MAX_DEPTH = 500
"""Files with more deeply nested brackets are not parsed: traversing them takes quadratic time."""

MAX_QUERY_COST = 1_000
"""Per byte. Querying a node takes time for each level above it, and for each sibling if the code around is invalid."""

MAX_STEPS_PER_100_BYTES = 10
"""Parsing usually takes 1 or 2 steps, which are of 100 operations of the parser each."""

MAX_ENTRIES = 10_000
"""Maximum number of functions, classes, imports, comments or strings of a file; further ones are only counted."""

MAX_TEXT_LENGTH = 500
"""Comments and strings are cut after this many characters."""

_SMALL_BYTES = 10_000
_FREE_STEPS = 10_000
_CHUNK_SIZE = 1 << 16
_MAX_WIDTH = 1_000
_KEYS = {"function": "functions", "class": "classes", "import": "imports", "comment": "comments", "string": "strings"}
_IMPORT_SYNTAX = re.compile(r"^(?:import|using|global using|static)\s+|\s+as\s+.*$|[;\s]+$", re.DOTALL)
_DEPTH_CHANGES = {**dict.fromkeys(b"([{", 1), **dict.fromkeys(b")]}", -1)}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _DEPTH_CHANGES)
_QUOTES = "\"'`"
_QUOTE_BYTES = _QUOTES.encode()
_LINE_END = re.compile(rb"\n")
_POSITION = itemgetter("start_line", "end_line", "name")


class NotParsedError(Exception):
    """A file is not parsed; the message says why."""


def is_available() -> bool:
    """Return whether tree-sitter and its grammars are installed."""
    return all(find_spec(module) for module in ("tree_sitter", *(grammar.module for grammar in GRAMMARS.values())))


def parser_version() -> str:
    """Return the version of tree-sitter, on which structures depend, or that it is not installed."""
    return f"tree-sitter {version('tree-sitter')}" if is_available() else "no structure"


def has_grammar(language: str) -> bool:
    return language in GRAMMARS


def parse_obstacle(data: bytes) -> str | None:
    """Return why a file cannot be parsed, or None if it can."""
    if len(data) > MAX_BYTES:
        return f"larger than {MAX_BYTES:,} bytes"
    levels = [*accumulate(map(_DEPTH_CHANGES.__getitem__, data.translate(None, delete=_NO_BRACKETS)))]
    ground_levels = accumulate(levels, min, initial=0)  # unbalanced closing brackets lower the ground level
    next(ground_levels)
    if max(map(sub, levels, ground_levels), default=0) > MAX_DEPTH:
        return f"brackets are nested more than {MAX_DEPTH} levels deep"
    return None


def parse_structure(data: bytes, language: str, *, is_tsx: bool = False) -> dict[str, Any]:
    """Return the structure of a file in UTF-8 for which `parse_obstacle` returns None; lines are counted from 1.

    The keys are `functions` [{name, start_line, end_line, parameters}], `classes` [{name, start_line, end_line}],
    `imports` [{name, line}], `comments` and `strings` [{text, line}]; `has_errors` if a part could not be parsed, and
    `truncated` {kind: number of entries left out} if there are too many.

    Raises:
        NotParsedError: it is ambiguous or nested too deeply, or too much of it is invalid.
    """
    parser = _parser("tsx" if is_tsx else language)
    tree = parser.parse(data)
    if len(data) > _SMALL_BYTES:
        _check_query_cost(tree, MAX_QUERY_COST * len(data))
    collector, kinds = _StructureCollector(data), parser.kinds
    for pattern, captures in parser.matches(tree.root_node):
        collector.add(kinds.get(pattern) or parser.learn_kind(pattern, captures), captures)
    structure, truncated = collector.structure(), collector.truncated()
    if tree.root_node.has_error:
        structure["has_errors"] = True
    return {**structure, "truncated": truncated} if truncated else structure


def _check_query_cost(tree: Any, limit: int) -> None:
    """Raise NotParsedError if the nodes of a tree have too many levels above them, or too many siblings in errors."""
    cursor = tree.walk()
    enter_child, enter_sibling, leave = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
    cost, siblings = 0, [1]
    while siblings:
        cost += len(siblings)
        if enter_child():
            siblings.append(1)
            continue
        while siblings and not enter_sibling():
            width = siblings.pop()
            if leave() and width > _MAX_WIDTH and cursor.node.is_error:
                cost += width * width // 2
        if siblings:
            siblings[-1] += 1
        if cost > limit:
            raise NotParsedError("nested too deeply, or too many errors")


class _StructureCollector:
    """Collects matches. There are many, so imports, comments and strings are kept as tuples, which sort quickly."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._line_ends = [match.start() for match in _LINE_END.finditer(data)]
        self._definitions: dict[str, list[dict[str, Any]]] = {"function": [], "class": []}
        self._texts: dict[str, list[tuple[int, str]]] = {"import": [], "comment": [], "string": []}

    def add(self, kind: str, captures: Mapping[str, Any]) -> None:
        node = captures[kind][0]
        texts = self._texts.get(kind)
        if texts is None:
            self._definitions[kind].append(self._definition(node, captures))
            return
        start, end = node.start_byte, node.end_byte
        if kind == "string" and start < end and self._data[start] not in _QUOTE_BYTES and node.type == "literal":
            return  # in SQL numbers are literals too
        text = self._text(start, end)
        if kind == "import":
            text = _IMPORT_SYNTAX.sub("", text).strip(_QUOTES)
        texts.append((bisect_left(self._line_ends, start) + 1, text))

    def structure(self) -> dict[str, Any]:
        """Return the first `MAX_ENTRIES` of each kind, sorted by position."""
        structure: dict[str, Any] = {}
        for kind, definitions in self._definitions.items():
            structure[_KEYS[kind]] = sorted(definitions, key=_POSITION)[:MAX_ENTRIES]
        for kind, texts in self._texts.items():
            key = "name" if kind == "import" else "text"
            structure[_KEYS[kind]] = [{key: text, "line": line} for line, text in sorted(texts)[:MAX_ENTRIES]]
        return structure

    def truncated(self) -> dict[str, int]:
        """Return the number of entries left out by kind."""
        entries: dict[str, list[Any]] = {**self._definitions, **self._texts}
        return {_KEYS[kind]: len(found) - MAX_ENTRIES for kind, found in entries.items() if len(found) > MAX_ENTRIES}

    def _definition(self, node: Any, captures: Mapping[str, Any]) -> dict[str, Any]:
        lines = {"start_line": self._line(node.start_byte), "end_line": self._line(node.end_byte)}
        entry: dict[str, Any] = {"name": self._node_text(captures["name"][0]), **lines}
        if "function" in captures:
            parameters = captures.get("parameters")
            entry["parameters"] = self._node_text(parameters[0]).strip("()") if parameters else ""
        return entry

    def _line(self, offset: int) -> int:
        return bisect_left(self._line_ends, offset) + 1

    def _node_text(self, node: Any) -> str:
        return self._text(node.start_byte, node.end_byte)

    def _text(self, start: int, end: int) -> str:
        if end - start > MAX_TEXT_LENGTH:
            return self._data[start : min(end, start + 4 * MAX_TEXT_LENGTH)].decode("utf-8", "ignore")[:MAX_TEXT_LENGTH]
        return self._data[start:end].decode("utf-8", "ignore")


class _Parser:
    """The parser and query of one language. tree-sitter's parsers are not thread-safe, so each file gets a new one."""

    def __init__(self, language: str) -> None:
        tree_sitter: Any = importlib.import_module("tree_sitter")
        grammar = GRAMMARS[language]
        language_function = getattr(importlib.import_module(grammar.module), grammar.language_function)
        self._language = tree_sitter.Language(language_function())
        self._query = tree_sitter.Query(self._language, grammar.query)
        self._tree_sitter = tree_sitter
        self.kinds: dict[int, str] = {}

    def parse(self, data: bytes) -> Any:
        """Return the syntax tree.

        Raises:
            NotParsedError: it takes too many steps: tree-sitter follows all readings of ambiguous or invalid code.
        """
        steps, limit = 0, _FREE_STEPS + len(data) * MAX_STEPS_PER_100_BYTES // 100

        def is_over_limit(_offset: int, _has_error: bool) -> bool:
            nonlocal steps
            steps += 1
            return steps > limit

        def read(offset: int, _position: Any) -> bytes:
            return data[offset : offset + _CHUNK_SIZE]

        try:
            tree = self._tree_sitter.Parser(self._language).parse(read, progress_callback=is_over_limit)
        except ValueError:  # parsing was cancelled
            tree = None
        if tree is None:
            raise NotParsedError("ambiguous, or too many errors")
        return tree

    def learn_kind(self, pattern: int, captures: Mapping[str, Any]) -> str:
        """Return the kind of the query's pattern with this number, given the captures of a match, and remember it."""
        kind = self.kinds[pattern] = next(kind for kind in _KEYS if kind in captures)
        return kind

    def matches(self, node: Any) -> Any:
        return self._tree_sitter.QueryCursor(self._query).matches(node)


@functools.cache
def _parser(language: str) -> _Parser:
    return _Parser(language)
