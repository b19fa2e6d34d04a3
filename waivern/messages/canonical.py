"""The one way a message's content becomes bytes, so that equal content has an equal digest."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from waivern.errors import MessageError

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(dict[str, Any])


def canonical_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the JSON of `content` with sorted keys and no blanks.

    What is not quite JSON becomes it: a tuple or set a list, an instant its ISO 8601 text, bytes their base64, and NaN
    or an infinity null. So what is stored may say less than what was given; components give plain JSON.

    Raises:
        MessageError: `content` holds something that JSON cannot say, such as a lone surrogate or an object.
    """
    try:
        return _encoder.encode(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"The message's content is not JSON: {error}") from error


def content_of(canonical: bytes) -> dict[str, Any]:
    """Return the content that `canonical_bytes` was made of.

    Raises:
        MessageError: the bytes are not a JSON object.
    """
    try:
        return _decoder.decode(canonical)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"The stored content is not a JSON object: {error}") from error


def digest_of(canonical: bytes) -> str:
    """Return the SHA-256 of the bytes as 64 hexadecimal digits (FIPS 180-4)."""
    return hashlib.sha256(canonical).hexdigest()
