"""JSON, timestamps and UUIDs in the form that exports use."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from waivern.escaping import json_bytes

_encoder = msgspec.json.Encoder()
_CHUNK_BYTES = 1 << 18


def encode_json(value: Any) -> bytes:
    """Return compact JSON with keys in their original order, and with unsafe characters escaped."""
    return json_bytes(_encoder.encode(value))


def json_array(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield a JSON array in pieces, one value per line, without holding all values."""
    yield b"["
    for number, value in enumerate(values):
        yield (b",\n" if number else b"\n") + encode_json(value)
    yield b"\n]"


def json_lines(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield each value as a line of JSON (NDJSON)."""
    for value in values:
        yield encode_json(value) + b"\n"


def in_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in chunks of at least 256 KiB, because writing thousands of small pieces is slow."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= _CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def drop_empty(**values: Any) -> dict[str, Any]:
    """Return the values without None, empty texts and empty collections."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {}, ())}


def iso_milliseconds(instant: datetime | None) -> str | None:
    """Return "2026-11-25T12:00:00.000Z" for an aware instant."""
    if instant is None:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def stable_uuid(*names: str) -> UUID:
    """Return the UUID (version 5, RFC 9562) of the names: the same names give the same UUID."""
    return uuid5(NAMESPACE_URL, "/".join(["https://github.com/waivern/waivern", *names]))
