"""Options whose value is a point in time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import click

from waivern.runs.run import utc_now

_RELATIVE = re.compile(r"(?P<number>\d{1,9})\s*(?P<unit>[smhdw])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_Parser = Callable[..., datetime]


def as_instant(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Parse "7d" (seven days ago), "2026-11-01" (start of that day), or an ISO 8601 time."""
    return None if text is None else _parse(instant_of, context, option, text)


def as_end(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Parse the end of a period: a date means the end of that day, a time means that time."""
    return None if text is None else _parse(end_of, context, option, text)


def instant_of(text: str, *, now: datetime) -> datetime:
    """Return the aware datetime that `text` denotes; without a zone, local time is assumed.

    Raises:
        ValueError, OverflowError, OSError: `text` is not a valid time.
    """
    relative = _RELATIVE.fullmatch(text.strip().lower())
    if relative is not None:
        return now - timedelta(**{_UNITS[relative["unit"]]: int(relative["number"])})
    parsed = datetime.fromisoformat(text.strip())
    return (parsed.astimezone() if parsed.tzinfo is None else parsed).astimezone(UTC)


def end_of(text: str, *, now: datetime) -> datetime:
    """Return the last aware datetime that `text` denotes; a day may have 23 or 25 hours at a clock change.

    Raises:
        ValueError, OverflowError, OSError: `text` is not a valid time.
    """
    if _DAY.fullmatch(text.strip()) is None:
        return instant_of(text, now=now)
    next_day = datetime.fromisoformat(text.strip()) + timedelta(days=1)
    return next_day.astimezone() - datetime.resolution


def _parse(parser: _Parser, context: click.Context, option: click.Parameter, text: str) -> datetime:
    try:
        return parser(text, now=utc_now())
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"'{text}' is not a valid time. Use 7d, 12h, 2026-11-01 or 2026-11-01T09:30.", context, option
        ) from None
