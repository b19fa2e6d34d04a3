"""Single values as text, for connectors of databases."""

import math

from waivern.files.decoding import NotTextError


def bytes_as_text(raw: bytes) -> str:
    """Return bytes as text if they are UTF-8 without NUL.

    Raises:
        NotTextError: they are not.
    """
    if b"\0" in raw:
        raise NotTextError("binary data (NUL bytes)")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotTextError("binary data (not UTF-8)") from None


def float_as_text(value: float) -> str:
    """Return a whole number without a fraction ("17"), unless it has more digits than a float can hold."""
    return str(int(value)) if math.isfinite(value) and value.is_integer() and abs(value) < 1e15 else repr(value)
