"""Validators for dates."""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import date

Bounds = tuple[int, int]

_CACHE_SIZE = 16_384
_NUMBER = re.compile(r"\d+")


@functools.lru_cache(_CACHE_SIZE)
def calendar_date(value: str) -> Bounds | None:
    """Accept an existing date from 1900 to 2099, with the day or the month first."""
    numbers = list(map(int, _NUMBER.findall(value)))
    if len(numbers) != 3:
        return None
    first, second, third = numbers
    if first > 99:
        candidates = [(first, second, third)]
    else:
        years = [third] if third > 99 else [1900 + third, 2000 + third]
        candidates = [(year, month, day) for year in years for month, day in ((first, second), (second, first))]
    return (0, len(value)) if any(_is_date(*candidate) for candidate in candidates) else None


def date_and_time(value: str) -> Bounds | None:
    """Accept a date as `calendar_date` does, optionally followed by a time of day (ISO 8601, with "T" or a space)."""
    return (0, len(value)) if calendar_date(_TIME_OF_DAY.sub("", value)) is not None else None


_TIME_OF_DAY = re.compile(r"[T ][0-9]{2}:[0-9:]+(?:Z|[+\-][0-9:]+)?\Z")


def compact_date(value: str) -> Bounds | None:
    """Accept an existing date from 1900 to 2099 written as eight digits, with the year first or last."""
    readings = (
        (value[:4], value[4:6], value[6:]),
        (value[4:], value[2:4], value[:2]),
        (value[4:], value[:2], value[2:4]),
    )
    return (0, len(value)) if any(_is_date(*map(int, reading)) for reading in readings) else None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return 1900 <= date(year, month, day).year < 2100
    except (ValueError, OverflowError):  # OverflowError for numbers that are far too large
        return False


DATE_VALIDATORS: Mapping[str, Callable[[str], Bounds | None]] = {
    "calendar_date": calendar_date,
    "compact_date": compact_date,
    "date_and_time": date_and_time,
}
