"""The check that a message's content has the shape of its schema."""

import functools
from typing import Any

import jsonschema_rs

from waivern.errors import MessageError
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.message import Message
from waivern.messages.schema import Schema

_MOST_FAULTS = 5


def check_message(message: Message) -> None:
    """Check the content against its JSON Schema; a schema that the catalogue does not know is not checked.

    Raises:
        MessageError: names up to five places that do not fit, never the values found there.
    """
    validator = _validator(message.schema)
    if validator is None or validator.is_valid(message.content):
        return
    faults: list[str] = []
    for fault in validator.iter_errors(message.content):
        if len(faults) == _MOST_FAULTS:
            faults.append("and more")
            break
        faults.append(_in_words(fault))
    raise MessageError(f"The message does not have the shape of {message.schema}: {'; '.join(faults)}")


def _in_words(fault: Any) -> str:
    place = "/".join(str(step) for step in fault.instance_path) or "the content"
    if fault.schema_path[-1] == "required":
        return f"{place}: {fault.message}"  # names the property; other messages would repeat the value
    return f"{place} does not fit {'/'.join(str(step) for step in fault.schema_path)}"


@functools.cache
def _validator(schema: Schema) -> Any:
    catalogue = schema_catalogue()
    return jsonschema_rs.validator_for(dict(catalogue.json_schema(schema))) if schema in catalogue else None
