"""What a value of a document says, as text; the same on each reading."""

import datetime
import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bson import Binary, Code, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UUID_SUBTYPE
from bson.datetime_ms import DatetimeMS


class NotTextError(Exception):
    """The value is bytes that are no text."""


def as_text(value: Any) -> str:
    """Return the text of a value that is no document and no array; "" where it holds none.

    Times are ISO 8601 in UTC, decimals in full. Bytes are text where they are UTF-8 without NUL.

    Raises:
        NotTextError: the value is other bytes.
    """
    if isinstance(value, str):  # code is one too
        return str(value)
    if value is None or isinstance(value, (MinKey, MaxKey)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return _text_of_bytes(value)
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Decimal128):
        decimal = value.to_decimal()
        return format(decimal, "f") if decimal.is_finite() and abs(decimal.adjusted()) < 100 else str(decimal)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, DatetimeMS):  # beyond the years 1 to 9999
        return f"{int(value)} ms"
    if isinstance(value, Timestamp):
        return value.as_datetime().isoformat()
    return str(value.pattern) if isinstance(value, Regex) else str(value)


def type_of(value: Any) -> str:
    """Return what MongoDB calls a value's type, as far as it is told apart here."""
    named = {str: "string", bool: "bool", int: "int", float: "double", bytes: "binData", type(None): "null"}
    named |= {ObjectId: "objectId", Decimal128: "decimal", datetime.datetime: "date", DatetimeMS: "date"}
    named |= {Regex: "regex", Code: "javascript", Timestamp: "timestamp", MinKey: "minKey", MaxKey: "maxKey"}
    named |= {Binary: "binData", UUID: "binData"}
    return named.get(type(value)) or next((name for kind, name in named.items() if isinstance(value, kind)), "other")


def is_shown(identity: Any) -> bool:
    """Say whether a document's id may be shown: a number, an ObjectId or a UUID; others may be personal data."""
    return isinstance(identity, (int, ObjectId, UUID)) or _is_uuid(identity)


def plain(value: Any) -> Any:
    """Return a UUID for bytes that are one."""
    return value.as_uuid() if _is_uuid(value) else value


def is_tree(value: Any) -> bool:
    return isinstance(value, (Mapping, list))


def _is_uuid(value: Any) -> bool:
    return isinstance(value, Binary) and value.subtype == UUID_SUBTYPE and len(value) == 16


def _text_of_bytes(raw: bytes) -> str:
    if b"\0" in raw:
        raise NotTextError
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotTextError from None
