"""Sizes as runbooks have them: a number of bytes, or a number with its unit."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")


def _bytes(size: object) -> object:
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size.strip())
    if match is None or match["unit"].upper() not in _UNITS:
        raise ValueError("is no size: write a number of bytes, or such as 10MB")
    return int(float(match["number"]) * _UNITS[match["unit"].upper()])


Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]
"""Bytes; 10MB is 10^7 of them, 10MiB 10 * 2^20."""
