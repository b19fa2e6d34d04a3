"""JSON and JSON Lines: values by key path."""

import json
from collections.abc import Iterator
from typing import Any

from waivern.files.formats.model.document import Document, FormatError, Part, stem_of, suffix_of
from waivern.files.formats.structured.key_paths import KeyedValues

MAX_DEPTH = 100

# Objects become tuples of pairs: a key may occur twice, and both values are scanned. Numbers keep their notation.
_decode = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str).decode
_JSON_LINES = (".jsonl", ".ndjson")


def read(document: Document) -> Iterator[Part]:
    """Yield one part per key path and chunk of values.

    Raises:
        FormatError: it is not JSON, is nested more than 100 deep, or has more than 5,000 key paths.
    """
    values = KeyedValues(stem_of(document.name))
    for root in _roots(document):
        _collect(root, values)
    return values.parts()


def _roots(document: Document) -> Iterator[Any]:
    try:
        if suffix_of(document.name) not in _JSON_LINES:
            try:
                yield _decode(document.text)
            except ValueError:
                if not document.text.lstrip().startswith("{"):
                    raise
            else:
                return
        for line in document.text.split("\n"):
            if line.strip():
                yield _decode(line)
    except (ValueError, RecursionError):
        raise FormatError from None


def _collect(root: Any, values: KeyedValues) -> None:
    """Add all values below `root`, without recursion: the nesting of a file must not exhaust the stack."""
    waiting: list[tuple[Any, str, str, str | None, int]] = [(root, "", "", None, 1)]
    while waiting:
        value, path, table, key, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise FormatError
        if isinstance(value, tuple):
            children = list(_members(value, path, values))
        elif isinstance(value, list):
            item_path = values.path_of(path, None) if value else path
            children = [(item, item_path, table, key) for item in value]
        else:
            values.add(table, key, _as_text(value))
            continue
        containers = []
        for child in children:
            if isinstance(child[0], tuple | list):
                containers.append((*child, depth + 1))
            else:
                values.add(child[2], child[3], _as_text(child[0]))
        waiting.extend(reversed(containers))


def _members(
    pairs: tuple[tuple[str, Any], ...], path: str, values: KeyedValues
) -> Iterator[tuple[Any, str, str, str | None]]:
    for original_key, value in pairs:
        key = values.name_of(path, original_key)
        is_container = isinstance(value, tuple | list)
        yield value, values.path_of(path, key) if is_container else path, path, key


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)
