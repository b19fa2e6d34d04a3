"""Merging several messages of one schema into one."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from waivern.errors import MessageError
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.compressed_items import CompressedItems, CompressedSequence, ConcatenatedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema


def merged_by_schema(messages: Sequence[Message], order: Sequence[Schema]) -> list[Message]:
    """Return one merged message per schema, in `order`; within a schema, `messages` keep their order."""
    return [concatenated([message for message in messages if message.schema == schema]) for schema in order]


def concatenated(messages: Sequence[Message]) -> Message:
    """Return the first message's envelope with the items of all messages, in their order.

    The values that the JSON Schema lists in `x-waivern-merge` are merged too, so that the result does not present the
    counts and coverage gaps of the first message as those of all. If the schema names no items, or is unknown, every
    list at the top level of all contents is concatenated.

    Raises:
        MessageError: the contents have no list in common, so there is nothing to concatenate.
    """
    first = messages[0]
    if len(messages) == 1:
        return first
    items_key = schema_catalogue().items_key(first.schema)
    name = "+".join(message.id for message in messages if message.id)
    if items_key is not None and any(isinstance(message, CompressedMessage) for message in messages):
        envelopes = [message.envelope_without(items_key) for message in messages]
        envelope = _merged(envelopes, first.schema)
        return CompressedMessage(name, envelope, items_key, _concatenated_items(messages, items_key), first.schema)
    content = _merged([message.content for message in messages], first.schema)
    for key in _list_keys(messages, items_key):
        content[key] = [item for message in messages for item in message.content[key]]
    return Message(name, content, first.schema)


def _merged(contents: Sequence[Mapping[str, Any]], schema: Schema) -> dict[str, Any]:
    """Return the first content, with the values of the others merged into it as the schema says."""
    content = dict(contents[0])
    for pointer, rule in schema_catalogue().merge_rules(schema).items():
        _merge_at(content, pointer.strip("/").split("/"), rule, contents)
    return content


def _concatenated_items(messages: Sequence[Message], key: str) -> ConcatenatedItems:
    sequences = [message.items_of(key) for message in messages]
    if any(items is None for items in sequences):
        raise _no_common_list(messages[0].schema)
    return ConcatenatedItems(
        [items if isinstance(items, CompressedSequence) else CompressedItems(items or ()) for items in sequences]
    )


def _list_keys(messages: Sequence[Message], items_key: str | None) -> list[str]:
    candidates = [items_key] if items_key is not None else list(messages[0].content)
    keys = [key for key in candidates if all(isinstance(message.content.get(key), list) for message in messages)]
    if not keys:
        raise _no_common_list(messages[0].schema)
    return keys


def _no_common_list(schema: Schema) -> MessageError:
    return MessageError(
        f"Messages of {schema} cannot be concatenated: they have no list in common",
        remedy=f"Name the list of items in the JSON Schema of {schema} as x-waivern-items",
    )


def _merge_at(target: dict[str, Any], path: list[str], rule: str, contents: Sequence[Mapping[str, Any]]) -> None:
    values = [value for content in contents if (value := _value_at(content, path)) is not None]
    if not values:
        return
    *parents, last = path
    for step in parents:
        target[step] = copy.copy(target.get(step) or {})
        target = target[step]
    target[last] = [item for value in values for item in value] if rule == "concatenate" else _sum(values)


def _value_at(content: Any, path: list[str]) -> Any:
    for step in path:
        content = content.get(step) if isinstance(content, Mapping) else None
    return content


def _sum(values: Sequence[Any]) -> Any:
    """Return the sum of numbers, or of objects of numbers key by key."""
    if not isinstance(values[0], Mapping):
        return sum(values)
    totals: dict[str, Any] = {}
    for value in values:
        for key, number in value.items():
            totals[key] = totals.get(key, 0) + number
    return totals
