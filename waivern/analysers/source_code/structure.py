"""What a source file is made of, by tree-sitter: functions, classes, imports, comments and strings."""

import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
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
    depth = 0
    for step in map(_STEPS.__getitem__, data.translate(None, delete=_NO_BRACKETS)):
        depth = max(0, depth + step)
        if depth > DEEPEST:
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
    told: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS.values()}
    for kind, entry in _entries(asked.matches(tree.root_node), data):
        told[kind].append(entry)
    structure: dict[str, Any] = {kind: sorted(entries, key=_place)[:MOST_OF_A_KIND] for kind, entries in told.items()}
    if tree.root_node.has_error:
        structure["has_errors"] = True
    beyond = {kind: len(entries) - MOST_OF_A_KIND for kind, entries in told.items() if len(entries) > MOST_OF_A_KIND}
    return {**structure, "truncated": beyond} if beyond else structure


def _entries(matches: Any, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for _, captures in matches:
        kind = next(kind for kind in _KINDS if kind in captures)
        node = captures[kind][0]
        entry = _definition(node, captures, data) if kind in ("function", "class") else _mention(node, kind, data)
        if entry is not None:
            yield _KINDS[kind], entry


def _definition(node: Any, captures: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    lines = {"start_line": node.start_point.row + 1, "end_line": node.end_point.row + 1}
    entry: dict[str, Any] = {"name": _text(captures["name"][0], data), **lines}
    if "function" in captures:
        given = captures.get("parameters")
        entry["parameters"] = _text(given[0], data).strip("()") if given else ""
    return entry


def _mention(node: Any, kind: str, data: bytes) -> dict[str, Any] | None:
    text, line = _text(node, data), node.start_point.row + 1
    if kind == "import":
        return {"name": _AROUND_IMPORT.sub("", text).strip(_QUOTES), "line": line}
    if kind == "string" and node.type == "literal" and text[:1] not in _QUOTES:  # of SQL numbers are literals too
        return None
    return {"text": text, "line": line}


def _text(node: Any, data: bytes) -> str:
    return data[node.start_byte : min(node.end_byte, node.start_byte + 4 * LONGEST_TEXT)].decode("utf-8", "ignore")[
        :LONGEST_TEXT
    ]


def _place(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    line = entry["start_line"] if "start_line" in entry else entry["line"]
    return line, entry.get("end_line", 0), str(entry.get("name", entry.get("text", "")))


class _Asked:
    """A grammar's parser and query; parsers are not for several threads at once, so each call makes its own."""

    def __init__(self, language: str) -> None:
        tree_sitter: Any = importlib.import_module("tree_sitter")
        grammar = GRAMMARS[language]
        self._language = tree_sitter.Language(getattr(importlib.import_module(grammar.module), grammar.maker)())
        self._query = tree_sitter.Query(self._language, grammar.query)
        self._tree_sitter = tree_sitter

    @property
    def parser(self) -> Any:
        return self._tree_sitter.Parser(self._language)

    def matches(self, node: Any) -> Any:
        return self._tree_sitter.QueryCursor(self._query).matches(node)


@functools.cache
def _asked(language: str) -> _Asked:
    return _Asked(language)
