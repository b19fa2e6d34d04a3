"""JSON, and JSON line by line: values by the path of their keys."""

import json
from collections.abc import Iterator
from typing import Any

from waivern.files.formats.columns import KeyedValues
from waivern.files.formats.document import Document, Part, UnsuitableError, stem_of, suffix_of

DEEPEST = 100

# Objects as tuples of pairs: a key may stand twice, and both values are scanned. Numbers stay as they are written.
_decode = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str).decode
_LINES = (".jsonl", ".ndjson")


def read(document: Document) -> Iterator[Part]:
    """Make one part a key path and stretch of values.

    Raises:
        UnsuitableError: it is no JSON, nested more than 100 deep, or has more than 5,000 key paths.
    """
    values = KeyedValues(stem_of(document.name))
    for root in _roots(document):
        _note(root, values)
    return values.parts()


def _roots(document: Document) -> Iterator[Any]:
    try:
        if suffix_of(document.name) not in _LINES:
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
        raise UnsuitableError from None


def _note(root: Any, values: KeyedValues) -> None:
    waiting: list[tuple[Any, str, str, str | None, int]] = [(root, "", "", None, 1)]
    while waiting:
        value, path, table, key, depth = waiting.pop()
        if depth > DEEPEST:
            raise UnsuitableError
        if isinstance(value, tuple):
            below = list(_members(value, path, values))
        elif isinstance(value, list):
            below = [(each, f"{path}[]", table, key) for each in value]
        else:
            values.add(table, key, _as_text(value))
            continue
        containers = []
        for each in below:
            if isinstance(each[0], tuple | list):
                containers.append((*each, depth + 1))
            else:
                values.add(each[2], each[3], _as_text(each[0]))
        waiting.extend(reversed(containers))


def _members(
    pairs: tuple[tuple[str, Any], ...], path: str, values: KeyedValues
) -> Iterator[tuple[Any, str, str, str | None]]:
    for written, value in pairs:
        key = values.name_of(path, written)
        yield value, f"{path}.{key}" if path else key, path, key


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)
