"""Durations in a runbook: a number of seconds, or a number with a unit."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

MAX_DURATION_S = 366 * 86_400  # keeps every computed date within the range of `datetime`
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(value: Any) -> Any:
    """Return "90s", "15m", "6h", "1d" or "2w" in seconds; return any other type unchanged.

    Raises:
        ValueError: the string is not a duration.
    """
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"'{value}' is not a valid duration: write a number of seconds, or 90s, 15m, 6h, 1d, 2w")
    return float(match[1]) * _SECONDS[match[2]]


Seconds = Annotated[float, BeforeValidator(parse_duration)]
Delay = Annotated[Seconds, Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)]
TimeLimit = Annotated[Seconds, Field(gt=0, le=MAX_DURATION_S, allow_inf_nan=False)]
