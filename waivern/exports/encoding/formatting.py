"""Times, durations and numbers as people read them."""

from collections.abc import Sequence
from datetime import UTC, datetime


def format_instant(at: datetime | None) -> str:
    """Return "2026-11-25 02:00:03 UTC", or "" for None."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float | None) -> str:
    """Return "250 ms", "3.2 s", "2 min 05 s" or "1 h 02 min", or "" for None."""
    if seconds is None:
        return ""
    seconds = max(seconds, 0.0)  # negative if the clock was set back
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 item" or "2,000 items"; `plural` is for nouns that do not take an "s"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def lines_in_words(lines: Sequence[int]) -> str:
    """Return "line 1" or "lines 1, 5"."""
    return f"line{'' if len(lines) == 1 else 's'} {', '.join(map(str, lines))}"


def humanize(name: str) -> str:
    """Return "payment card" for "payment_card"."""
    return name.replace("_", " ")
