"""Instants as they are written on a command line."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import click

from waivern.runs.run import utc_now

_AGO = re.compile(r"(?P<number>\d{1,9})\s*(?P<unit>[smhdw])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_Meaning = Callable[..., datetime]


def as_instant(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Read an option's value: "7d" (so long ago), "2026-11-01" (that day's first instant), or an ISO 8601 time."""
    return None if text is None else _read(instant_of, context, option, text)


def as_end(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Read an option's value as the end of a span: of a day its last moment, of anything else that instant."""
    return None if text is None else _read(end_of, context, option, text)


def instant_of(text: str, *, now: datetime) -> datetime:
    """Return the instant (aware) that `text` means; where it names no zone, the one of this machine is meant.

    Raises:
        ValueError, OverflowError, OSError: it means none.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return now - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
    written = datetime.fromisoformat(text.strip())
    return (written.astimezone() if written.tzinfo is None else written).astimezone(UTC)


def end_of(text: str, *, now: datetime) -> datetime:
    """Return the last instant (aware) that `text` means; a day ends where the next begins, however long it is.

    Raises:
        ValueError, OverflowError, OSError: it means none.
    """
    if _DAY.fullmatch(text.strip()) is None:
        return instant_of(text, now=now)
    next_day = datetime.fromisoformat(text.strip()) + timedelta(days=1)
    return next_day.astimezone() - datetime.resolution


def _read(meaning: _Meaning, context: click.Context, option: click.Parameter, text: str) -> datetime:
    try:
        return meaning(text, now=utc_now())
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"'{text}' is no time. Write 7d, 12h, 2026-11-01 or 2026-11-01T09:30.", context, option
        ) from None
