"""Values of documents as text, the same on every read."""

import datetime
from typing import Any
from uuid import UUID

from bson import Binary, Code, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UUID_SUBTYPE
from bson.datetime_ms import DatetimeMS

from waivern.files.values import bytes_as_text, float_as_text


def as_text(value: Any) -> str:
    """Return the text of a value that is neither a document nor an array; "" if it has none.

    Times are ISO 8601 in UTC, decimals have all digits. Bytes are text if they are UTF-8 without NUL.

    Raises:
        NotTextError: the value is binary data.
    """
    if isinstance(value, str):  # includes Code
        return str(value)
    if value is None or isinstance(value, (MinKey, MaxKey)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return bytes_as_text(value)
    if isinstance(value, float):
        return float_as_text(value)
    if isinstance(value, Decimal128):
        decimal = value.to_decimal()
        return format(decimal, "f") if decimal.is_finite() and abs(decimal.adjusted()) < 100 else str(decimal)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, DatetimeMS):  # outside of the years 1 to 9999
        return f"{int(value)} ms"
    if isinstance(value, Timestamp):
        return value.as_datetime().isoformat()
    return str(value.pattern) if isinstance(value, Regex) else str(value)


def type_of(value: Any) -> str:
    """Return MongoDB's name for a value's type; "other" for the rare ones."""
    names = {str: "string", bool: "bool", int: "int", float: "double", bytes: "binData", type(None): "null"}
    names |= {ObjectId: "objectId", Decimal128: "decimal", datetime.datetime: "date", DatetimeMS: "date"}
    names |= {Regex: "regex", Code: "javascript", Timestamp: "timestamp", MinKey: "minKey", MaxKey: "maxKey"}
    names |= {Binary: "binData", UUID: "binData"}
    return names.get(type(value)) or next((name for type_, name in names.items() if isinstance(value, type_)), "other")


def is_safe_to_show(document_id: Any) -> bool:
    """Return whether a document's id is a number, an ObjectId or a UUID; any other id may be personal data."""
    return isinstance(document_id, (int, ObjectId, UUID)) or _is_uuid(document_id)


def uuid_if_binary(value: Any) -> Any:
    """Return a UUID for its binary form; any other value as it is."""
    return value.as_uuid() if _is_uuid(value) else value


def _is_uuid(value: Any) -> bool:
    return isinstance(value, Binary) and value.subtype == UUID_SUBTYPE and len(value) == 16
