"""The check that a message's content has the shape of its schema."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from waivern.errors import MessageError
from waivern.messages.canonical import items_in_part
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.message import Items, Message
from waivern.messages.packed import Packed
from waivern.messages.schema import Schema

_MOST_FAULTS = 5
_ITEMS_A_PIECE = 1000


def check_message(message: Message) -> None:
    """Check the content against its JSON Schema; a schema that the catalogue does not know is not checked.

    Raises:
        MessageError: names up to five places that do not fit, never the values found there.
    """
    validator = _validator(message.schema)
    if validator is None or all(validator.is_valid(content) for content in _in_pieces(message)):
        return
    faults: list[str] = []
    for fault in validator.iter_errors(message.content):
        if len(faults) == _MOST_FAULTS:
            faults.append("and more")
            break
        faults.append(_in_words(fault))
    raise MessageError(f"The message does not have the shape of {message.schema}: {'; '.join(faults)}")


def _in_pieces(message: Message) -> Iterator[Mapping[str, Any]]:
    """The content with some of its items at a time, for the validator copies what it checks.

    Only where the schema says of the list no more than what its items are does it fit as a whole if each piece does.
    """
    key = schema_catalogue().items_key(message.schema)
    items = None if key is None else message.items_of(key)
    if key is None or not items or not _is_plain_list(message.schema, key):
        yield message.content
        return
    around = message.content_around(key)
    for piece in _pieces_of(items):
        yield {**around, key: piece}


def _pieces_of(items: Items) -> Iterator[list[Any]]:
    if isinstance(items, Packed):
        yield from map(items_in_part, items.parts())
        return
    one_by_one = iter(items)
    while piece := list(itertools.islice(one_by_one, _ITEMS_A_PIECE)):
        yield piece


@functools.cache
def _is_plain_list(schema: Schema, key: str) -> bool:
    said = schema_catalogue().json_schema(schema).get("properties", {}).get(key, {})
    return set(said) <= {"type", "items", "description", "title"}


def _in_words(fault: Any) -> str:
    place = "/".join(str(step) for step in fault.instance_path) or "the content"
    if fault.schema_path[-1] == "required":
        return f"{place}: {fault.message}"  # names the property; other messages would repeat the value
    return f"{place} does not fit {'/'.join(str(step) for step in fault.schema_path)}"


@functools.cache
def _validator(schema: Schema) -> Any:
    catalogue = schema_catalogue()
    return jsonschema_rs.validator_for(dict(catalogue.json_schema(schema))) if schema in catalogue else None
