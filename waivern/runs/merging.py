"""Several messages of one schema become one."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from waivern.errors import MessageError
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.compressed_items import CompressedItems, CompressedMessage, CompressedSequence, ConcatenatedItems
from waivern.messages.message import Message
from waivern.messages.schema import Schema


def merged_by_schema(messages: Sequence[Message], order: Sequence[Schema]) -> list[Message]:
    """Return one merged message for each schema, in `order`; within a schema, `messages` keep theirs."""
    return [concatenated([message for message in messages if message.schema == schema]) for schema in order]


def concatenated(messages: Sequence[Message]) -> Message:
    """Return the first message's envelope with the items of all messages, in their order.

    What the JSON Schema names in `x-waivern-merge` is put together too, so that the result does not pass the first
    message's counts and omissions off as those of all. For a schema that names no items (or that nobody described)
    every list that stands at the top of all contents is concatenated.

    Raises:
        MessageError: the contents have no list in common, so that there is nothing to concatenate.
    """
    first = messages[0]
    if len(messages) == 1:
        return first
    named, name = schema_catalogue().items_key(first.schema), "+".join(each.id for each in messages if each.id)
    if named is not None and any(isinstance(each, CompressedMessage) for each in messages):
        around = [each.envelope_without(named) for each in messages]
        return CompressedMessage(name, _merged(around, first.schema), named, _packed(messages, named), first.schema)
    content = _merged([message.content for message in messages], first.schema)
    for key in _keys_of_items(messages, named):
        content[key] = [item for message in messages for item in message.content[key]]
    return Message(name, content, first.schema)


def _merged(contents: Sequence[Mapping[str, Any]], schema: Schema) -> dict[str, Any]:
    """The first content, with what the schema says of the others put into it."""
    content = dict(contents[0])
    for pointer, rule in schema_catalogue().merge_rules(schema).items():
        _merge_at(content, pointer.strip("/").split("/"), rule, contents)
    return content


def _packed(messages: Sequence[Message], key: str) -> ConcatenatedItems:
    several = [message.items_of(key) for message in messages]
    if any(items is None for items in several):
        raise _nothing_in_common(messages[0].schema)
    return ConcatenatedItems(
        [items if isinstance(items, CompressedSequence) else CompressedItems(items or ()) for items in several]
    )


def _keys_of_items(messages: Sequence[Message], named: str | None) -> list[str]:
    wanted = [named] if named is not None else list(messages[0].content)
    keys = [key for key in wanted if all(isinstance(message.content.get(key), list) for message in messages)]
    if not keys:
        raise _nothing_in_common(messages[0].schema)
    return keys


def _nothing_in_common(schema: Schema) -> MessageError:
    return MessageError(
        f"Messages of {schema} cannot be concatenated: they have no list in common",
        remedy=f"Name the list of items in the JSON Schema of {schema} as x-waivern-items",
    )


def _merge_at(target: dict[str, Any], path: list[str], rule: str, contents: Sequence[Mapping[str, Any]]) -> None:
    found = [value for content in contents if (value := _value_at(content, path)) is not None]
    if not found:
        return
    *parents, last = path
    for step in parents:
        target[step] = copy.copy(target.get(step) or {})
        target = target[step]
    target[last] = [item for value in found for item in value] if rule == "concatenate" else _summed(found)


def _value_at(content: Any, path: list[str]) -> Any:
    for step in path:
        content = content.get(step) if isinstance(content, Mapping) else None
    return content


def _summed(values: Sequence[Any]) -> Any:
    """Numbers are added; objects of numbers are added key by key."""
    if not isinstance(values[0], Mapping):
        return sum(values)
    totals: dict[str, Any] = {}
    for value in values:
        for key, number in value.items():
            totals[key] = totals.get(key, 0) + number
    return totals
