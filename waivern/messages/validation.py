"""Validating a message's content against its schema."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from waivern.errors import MessageError
from waivern.messages.canonical import decode_items
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.compressed_items import CompressedSequence
from waivern.messages.message import Items, Message
from waivern.messages.schema import Schema

_MAX_ERRORS = 5
_BATCH_SIZE = 1000


def check_message(message: Message) -> None:
    """Validate the content against its JSON Schema; content of a schema that is not in the catalogue is not validated.

    Raises:
        MessageError: names up to five invalid locations, and no values.
    """
    validator = _validator(message.schema)
    if validator is None or all(validator.is_valid(content) for content in _in_batches(message)):
        return
    errors: list[str] = []
    for error in validator.iter_errors(message.content):
        if len(errors) == _MAX_ERRORS:
            errors.append("and more")
            break
        errors.append(_describe(error))
    raise MessageError(f"The message does not match the schema {message.schema}: {'; '.join(errors)}")


def _in_batches(message: Message) -> Iterator[Mapping[str, Any]]:
    """Yield the content with a batch of its items at a time, because the validator copies what it validates.

    That is only possible if the schema restricts nothing but the items of the list; else the content is not split.
    """
    key = schema_catalogue().items_key(message.schema)
    items = None if key is None else message.items_of(key)
    if key is None or not items or not _is_plain_list(message.schema, key):
        yield message.content
        return
    envelope = message.envelope_without(key)
    for batch in _batches(items):
        yield {**envelope, key: batch}


def _batches(items: Items) -> Iterator[list[Any]]:
    if isinstance(items, CompressedSequence):
        yield from map(decode_items, items.arrays())
        return
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, _BATCH_SIZE)):
        yield batch


@functools.cache
def _is_plain_list(schema: Schema, key: str) -> bool:
    definition = schema_catalogue().json_schema(schema).get("properties", {}).get(key, {})
    return set(definition) <= {"type", "items", "description", "title"}


def _describe(error: Any) -> str:
    location = "/".join(str(key) for key in error.instance_path) or "the content"
    if error.schema_path[-1] == "required":
        return f"{location}: {error.message}"  # names the property; the other messages would repeat the value
    return f"{location} violates {'/'.join(str(key) for key in error.schema_path)}"


@functools.cache
def _validator(schema: Schema) -> Any:
    catalogue = schema_catalogue()
    return jsonschema_rs.validator_for(dict(catalogue.json_schema(schema))) if schema in catalogue else None
