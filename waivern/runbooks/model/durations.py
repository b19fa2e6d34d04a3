"""Durations as runbooks have them: a number of seconds, or a number with its unit."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

LONGEST_S = 366 * 86_400  # what is much longer leads beyond the last date that there is
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds_in(value: Any) -> Any:
    """Read "90s", "15m", "6h", "1d" or "2w" as a number of seconds; a number is seconds already."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"'{value}' is no duration: write a number of seconds, or 90s, 15m, 6h, 1d, 2w")
    return float(match[1]) * _SECONDS[match[2]]


Seconds = Annotated[float, BeforeValidator(seconds_in)]
Delay = Annotated[Seconds, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)]
Limit = Annotated[Seconds, Field(gt=0, le=LONGEST_S, allow_inf_nan=False)]
