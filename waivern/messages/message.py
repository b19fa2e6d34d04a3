"""One message: what an artifact is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waivern.messages.schema import Schema


@dataclass(frozen=True)
class Message:
    """Content of a known shape.

    Args:
        id: A name that the producer gives the message; may be empty.
        content: A JSON object. It is a value, never changed after it was handed over, and holds neither clock
            times nor random ids, so that the same content is kept once.
        schema: The shape that `content` has.
        context: What else is known of the message (JSON); kept beside the content, not part of its digest.
    """

    id: str
    content: Mapping[str, Any]
    schema: Schema
    context: Mapping[str, Any] | None = None
