"""What a value of a database says, as text; the same on each reading."""

import datetime
import decimal
import json
import math
from typing import Any


class NotTextError(Exception):
    """The value is bytes that are no text."""


def as_text(value: Any) -> str:
    """Return the text of a value as a driver gives it; "" where it holds none.

    Times are ISO 8601, decimals in full, JSON with sorted keys. Bytes are text where they are UTF-8 without NUL.

    Raises:
        NotTextError: the value is other bytes.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text_of_bytes(bytes(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (dict, list, tuple, set)):
        plain = sorted(value, key=str) if isinstance(value, set) else value
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, default=as_text)
    return str(value)


def _text_of_bytes(raw: bytes) -> str:
    if b"\0" in raw:
        raise NotTextError
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotTextError from None
