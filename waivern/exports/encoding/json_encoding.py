"""JSON and instants as exports write them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

_encoder = msgspec.json.Encoder()
_PART = 1 << 18


def as_json(value: Any) -> bytes:
    """Return compact JSON; keys stay in their order."""
    return _encoder.encode(value)


def listed(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield a JSON array of values, one a line, as they come."""
    yield b"["
    for number, value in enumerate(values):
        yield (b",\n" if number else b"\n") + _encoder.encode(value)
    yield b"\n]"


def json_lines(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield each value as a line of JSON (NDJSON)."""
    for value in values:
        yield _encoder.encode(value) + b"\n"


def in_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of some size: writing thousands of small ones takes long."""
    part = bytearray()
    for piece in pieces:
        part += piece
        if len(part) >= _PART:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)


def drop_empty(**values: Any) -> dict[str, Any]:
    """Return what has a value: neither None nor empty."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {}, ())}


def iso_milliseconds(instant: datetime | None) -> str | None:
    """Return "2026-11-25T12:00:00.000Z" for an aware instant."""
    if instant is None:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def stable_uuid(*names: str) -> UUID:
    """Return a UUID (version 5, RFC 9562) that is the same for the same names."""
    return uuid5(NAMESPACE_URL, "/".join(["https://github.com/waivern/waivern", *names]))
