"""A YAML parser that keeps the line of every key.

It builds the document from the events of libyaml's parser instead of using PyYAML's loader. So it detects duplicate
keys, records lines and limits depth and aliases in one pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from waivern.errors import RunbookError
from waivern.runbooks.reading.yaml_scalars import COLLECTION_TAGS, TAG_PARSERS, parse_scalar

MAX_DEPTH = 50
_TOO_DEEP = f"the nesting is more than {MAX_DEPTH} levels deep"
MAX_ALIASED_VALUES = 200_000
MAX_ALIASED_CHARACTERS = 10_000_000
NUL_PROBLEM = "a text contains the NUL character, which cannot be stored: remove it"
_MERGE_KEY = "<<"


@dataclass(slots=True, eq=False)
class Node:
    """A value of the document: its plain data, its line (from 1), and the child nodes and lines of its keys.

    `size` is the number of values and keys in it, `characters` the length of their texts. What an alias repeats is
    counted each time.
    """

    data: Any
    line: int
    children: dict[Any, "Node"] = field(default_factory=dict)
    key_lines: dict[Any, int] = field(default_factory=dict)
    size: int = 1
    characters: int = 0


class YamlSyntaxError(RunbookError):
    """A text is not valid YAML, or exceeds a limit; `line` counts from 1."""

    def __init__(self, line: int, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.line = line


def parse_yaml(text: str) -> tuple[Node | None, list[tuple[int, str]]]:
    """Return the document (None for an empty one) and its problems as (line, message).

    Raises:
        YamlSyntaxError: the text is not valid YAML, is nested more than 50 levels deep, or its aliases repeat more
            than 200,000 values or 10,000,000 characters.
    """
    try:
        builder = _DocumentBuilder(yaml.parse(text, Loader=yaml.CSafeLoader))
        return builder.document(), builder.problems
    except yaml.MarkedYAMLError as error:
        raise _as_syntax_error(error, text) from None
    except (yaml.YAMLError, UnicodeError) as error:
        reason = getattr(error, "reason", None) or "it contains characters that YAML does not allow"
        raise YamlSyntaxError(1, f"this is not valid YAML: {reason}") from None


def line_of(root: Node, key_path: tuple[str | int, ...]) -> int:
    """Return the line of the last key of `key_path` that exists in the document."""
    node, line = root, root.line
    for step in key_path:
        if step not in node.children:
            break
        line = node.key_lines.get(step, node.children[step].line)
        node = node.children[step]
    return line


def _as_syntax_error(error: yaml.MarkedYAMLError, text: str) -> YamlSyntaxError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    message = ", ".join(part for part in (error.context, error.problem) if part)
    if "nesting depth" in message:  # libyaml has its own limit, which a single long line reaches before ours
        return YamlSyntaxError(line, _TOO_DEEP)
    lines = text.split("\n")
    line_text = lines[line - 1] if line <= len(lines) else ""
    remedy = "Indent with spaces, not with tabs" if line_text.lstrip(" ").startswith("\t") else None
    return YamlSyntaxError(line, f"this is not valid YAML: {message}", remedy=remedy)


class _DocumentBuilder:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._aliased_values = 0
        self._aliased_characters = 0
        self.problems: list[tuple[int, str]] = []

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise YamlSyntaxError(_line(event), "a second YAML document starts here: put everything into one")
                root = self._node(next(self._events), depth=1)
        return None if root is not None and root.data is None else root

    def _node(self, event: Any, *, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        if depth > MAX_DEPTH:
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
            raise YamlSyntaxError(_line(event), f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        node = self._anchors[event.anchor]
        if node is None:
            raise YamlSyntaxError(_line(event), f"the alias *{event.anchor} is inside its own anchor &{event.anchor}")
        self._count_alias(node, event)
        return node

    def _count_alias(self, repeated: Node, alias: Any) -> None:
        self._aliased_values += repeated.size
        self._aliased_characters += repeated.characters
        too_many = None
        if self._aliased_values > MAX_ALIASED_VALUES:
            too_many = f"{MAX_ALIASED_VALUES:,} values"
        elif self._aliased_characters > MAX_ALIASED_CHARACTERS:
            too_many = f"{MAX_ALIASED_CHARACTERS:,} characters"
        if too_many is not None:
            raise YamlSyntaxError(_line(alias), f"the aliases of this file expand to more than {too_many}")

    def _scalar(self, event: Any) -> Any:
        if "\0" in event.value:
            self._add_problem(event, NUL_PROBLEM)
        try:
            if event.tag is None or event.tag == "!":
                return parse_scalar(event.value) if event.implicit[0] else event.value
            if event.tag in TAG_PARSERS:
                return TAG_PARSERS[event.tag](event.value)
            self._add_problem(event, f"the tag {event.tag} is not allowed")
        except ValueError as error:
            self._add_problem(event, str(error))
        return event.value

    def _check_collection_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag not in COLLECTION_TAGS:
            self._add_problem(event, f"the tag {event.tag} is not allowed")

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
            is_merge = isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value == _MERGE_KEY
            key = self._node(event, depth=depth + 1)
            value = self._node(next(self._events), depth=depth + 1)
            node.size += 1 + value.size
            node.characters += key.characters + value.characters
            if is_merge:
                merged.extend(self._mappings_to_merge(value))
            elif self._check_key(node, key, event):
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
        self.problems.append((value.line, "<< needs a mapping or a list of mappings"))
        return []

    def _check_key(self, node: Node, key: Node, event: Any) -> bool:
        if not isinstance(key.data, str):
            self.problems.append((_line(event), _invalid_key(key.data, event)))
            return False
        if key.data in node.data:
            before = node.key_lines[key.data]
            self.problems.append((_line(event), f"the key '{key.data}' is repeated; it is first in line {before}"))
            return False
        return True

    def _add_problem(self, event: Any, message: str) -> None:
        self.problems.append((_line(event), message))


def _put(node: Node, name: str, value: Node, line: int) -> None:
    node.data[name] = value.data
    node.children[name] = value
    node.key_lines[name] = line


def _invalid_key(key: Any, event: Any) -> str:
    if isinstance(key, dict | list):
        return "a key must be a text, not a mapping or a list: put it in quotes"
    kind = {bool: "true or false", type(None): "null"}.get(type(key), "a number")
    written = getattr(event, "value", "") or "~"
    return f"YAML reads the key {written} as {kind}: put it in quotes"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
