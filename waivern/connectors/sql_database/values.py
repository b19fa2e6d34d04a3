"""Values of a database as text, the same on every read."""

import datetime
import decimal
import json
from typing import Any

from waivern.files.values import bytes_as_text, float_as_text


def as_text(value: Any) -> str:
    """Return the text of a value as the driver returns it; "" if it has none.

    Times are ISO 8601, decimals have all digits, JSON has sorted keys. Bytes are text if they are UTF-8 without NUL.

    Raises:
        NotTextError: the value is binary data.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes_as_text(bytes(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, float):
        return float_as_text(value)
    if isinstance(value, (dict, list, tuple, set)):
        plain = sorted(value, key=str) if isinstance(value, set) else value
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, default=as_text)
    return str(value)
