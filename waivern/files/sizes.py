"""Sizes in runbooks: a number of bytes, or a number with a unit."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")


def _parse_bytes(size: object) -> object:
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size.strip())
    if match is None or match["unit"].upper() not in _UNITS:
        raise ValueError("is not a valid size: write a number of bytes, or for example 10MB")
    return int(float(match["number"]) * _UNITS[match["unit"].upper()])


Size = Annotated[int, BeforeValidator(_parse_bytes), Field(ge=0)]
"""Bytes; 10MB is 10^7 of them, 10MiB 10 * 2^20."""
