"""YAML as data that still knows its lines.

The events of libyaml's parser are put together here instead of by PyYAML's loader: that is what makes duplicate keys,
the line of every key, and bounds on depth and aliases possible in one pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from waivern.errors import RunbookError
from waivern.runbooks.reading.yaml_scalars import COLLECTIONS, MEANINGS, meaning_of

DEEPEST = 50
_TOO_DEEP = f"this is nested more than {DEEPEST} levels deep"
MOST_FROM_ALIASES = 200_000
MOST_CHARACTERS_FROM_ALIASES = 10_000_000
HOLDS_NUL = "a text holds the character NUL, which cannot be kept: leave it out"
_MERGE = "<<"


@dataclass(slots=True, eq=False)
class Node:
    """A value of the document: plain data, its line (from 1), and the nodes and key lines below it.

    `size` counts its values and keys, `characters` what is written in them: each time that an alias repeats them.
    """

    data: Any
    line: int
    children: dict[Any, "Node"] = field(default_factory=dict)
    key_lines: dict[Any, int] = field(default_factory=dict)
    size: int = 1
    characters: int = 0


class YamlSyntaxError(RunbookError):
    """A text is no YAML that can be read; `line` counts from 1."""

    def __init__(self, line: int, what: str, *, remedy: str | None = None) -> None:
        super().__init__(what, remedy=remedy)
        self.line = line


def read_yaml(text: str) -> tuple[Node | None, list[tuple[int, str]]]:
    """Return the document (None for an empty one) and the faults found in it, as (line, what).

    Raises:
        YamlSyntaxError: it cannot be read to its end: no YAML, deeper than 50, or more than 200,000 values or
            10,000,000 characters that come of aliases.
    """
    try:
        reader = _Reader(yaml.parse(text, Loader=yaml.CSafeLoader))
        return reader.document(), reader.faults
    except yaml.MarkedYAMLError as error:
        raise _as_syntax_error(error, text) from None
    except (yaml.YAMLError, UnicodeError) as error:
        what = getattr(error, "reason", None) or "it holds characters that YAML does not allow"
        raise YamlSyntaxError(1, f"this is no YAML: {what}") from None


def _as_syntax_error(error: yaml.MarkedYAMLError, text: str) -> YamlSyntaxError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    what = ", ".join(part for part in (error.context, error.problem) if part)
    if "nesting depth" in what:  # libyaml has a bound of its own, which is met before ours in one long line
        return YamlSyntaxError(line, _TOO_DEEP)
    lines = text.split("\n")
    around = lines[line - 1] if line <= len(lines) else ""
    remedy = "Indent with blanks, not with tabs" if around.lstrip(" ").startswith("\t") else None
    return YamlSyntaxError(line, f"this is no YAML: {what}", remedy=remedy)


class _Reader:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._from_aliases = 0
        self._characters_from_aliases = 0
        self.faults: list[tuple[int, str]] = []

    def document(self) -> Node | None:
        """The one document of the stream."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise YamlSyntaxError(_line(event), "a second document starts here; a runbook is one document")
                root = self._node(next(self._events), depth=1)
        return None if root is not None and root.data is None else root

    def _node(self, event: Any, *, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        if depth > DEEPEST:
            raise YamlSyntaxError(_line(event), _TOO_DEEP)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event), _line(event), characters=len(event.value))
        else:
            self._check_collection_tag(event)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            node = self._mapping(event, depth) if is_mapping else self._sequence(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise YamlSyntaxError(_line(event), f"there is no anchor &{event.anchor} before *{event.anchor}")
        node = self._anchors[event.anchor]
        if node is None:
            raise YamlSyntaxError(_line(event), f"*{event.anchor} stands within &{event.anchor} itself")
        self._count(node, event)
        return node

    def _count(self, repeated: Node, alias: Any) -> None:
        self._from_aliases += repeated.size
        self._characters_from_aliases += repeated.characters
        too_many = None
        if self._from_aliases > MOST_FROM_ALIASES:
            too_many = f"{MOST_FROM_ALIASES:,} values"
        elif self._characters_from_aliases > MOST_CHARACTERS_FROM_ALIASES:
            too_many = f"{MOST_CHARACTERS_FROM_ALIASES:,} characters"
        if too_many is not None:
            raise YamlSyntaxError(_line(alias), f"aliases make more than {too_many} out of this file")

    def _scalar(self, event: Any) -> Any:
        if "\0" in event.value:
            self._fault(event, HOLDS_NUL)
        try:
            if event.tag is None or event.tag == "!":
                return meaning_of(event.value) if event.implicit[0] else event.value
            if event.tag in MEANINGS:
                return MEANINGS[event.tag](event.value)
            self._fault(event, f"the tag {event.tag} is not allowed")
        except ValueError as error:
            self._fault(event, str(error))
        return event.value

    def _check_collection_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag not in COLLECTIONS:
            self._fault(event, f"the tag {event.tag} is not allowed")

    def _sequence(self, start: Any, depth: int) -> Node:
        node = Node([], _line(start))
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item = self._node(event, depth=depth + 1)
            node.children[len(node.data)] = item
            node.data.append(item.data)
            node.size += item.size
            node.characters += item.characters
        return node

    def _mapping(self, start: Any, depth: int) -> Node:
        node = Node({}, _line(start))
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            is_merge = isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value == _MERGE
            key = self._node(event, depth=depth + 1)
            value = self._node(next(self._events), depth=depth + 1)
            node.size += 1 + value.size
            node.characters += key.characters + value.characters
            if is_merge:
                merged.extend(self._mappings_to_merge(value))
            elif self._is_new_key(node, key, event):
                _put(node, key.data, value, key.line)
        for source in merged:
            for name, value in source.children.items():
                if name not in node.children:
                    _put(node, name, value, source.key_lines[name])
        return node

    def _mappings_to_merge(self, value: Node) -> list[Node]:
        sources = list(value.children.values()) if isinstance(value.data, list) else [value]
        if all(isinstance(source.data, dict) for source in sources):
            return sources
        self.faults.append((value.line, "<< takes a mapping or a list of mappings"))
        return []

    def _is_new_key(self, node: Node, key: Node, event: Any) -> bool:
        if not isinstance(key.data, str):
            self.faults.append((_line(event), _why_no_key(key.data, event)))
            return False
        if key.data in node.data:
            before = node.key_lines[key.data]
            self.faults.append((_line(event), f"'{key.data}' stands twice in one mapping, first in line {before}"))
            return False
        return True

    def _fault(self, event: Any, what: str) -> None:
        self.faults.append((_line(event), what))


def _put(node: Node, name: str, value: Node, line: int) -> None:
    node.data[name] = value.data
    node.children[name] = value
    node.key_lines[name] = line


def _why_no_key(key: Any, event: Any) -> str:
    if isinstance(key, dict | list):
        return "a key is a text, not a mapping or a list: put it in quotes"
    kind = {bool: "true or false", type(None): "nothing"}.get(type(key), "a number")
    written = getattr(event, "value", "") or "~"
    return f"YAML reads the key {written} as {kind}: put it in quotes"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
