"""The scheduled times of a schedule: by cron, at an interval, or once."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from waivern.errors import ScheduleError, did_you_mean

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_ALLOWED = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31",
    "month": "1-12 or jan-dec",
    "day-of-week": "0-7 (0 and 7 are Sunday) or sun-sat",
}
_DAYS = frozenset(str(day) for day in range(1, 32)) | {f"0{day}" for day in range(1, 10)}
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_MIN_INTERVAL_S, _MAX_INTERVAL_S = 1.0, 366 * 86_400.0
_HOUR_S, _QUARTER_S = 3_600, 900  # every time zone of today changes its clock at a full quarter of an hour
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """Due by a cron expression of five fields, in the local time of a time zone.

    Fields are minute, hour, day of month, month and day of week, with names, ranges, steps and lists. If both days are
    restricted, one of them has to match, as in Debian's cron. Macros such as `@daily` are allowed. When the clock
    changes, a time that does not exist is due at the end of the gap, and one that occurs twice is due the first time,
    unless minute or hour is `*`: then due times follow the elapsed time. Times that coincide are due once.

    Raises:
        ScheduleError: the expression is not valid or is never due, or there is no such time zone.

    Source: crontab(5) of Debian's cron, as the package cronsim implements it.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check(self.expression, self.timezone)

    def after(self, instant: datetime) -> datetime | None:
        """Return the first due time (UTC) strictly after `instant` (aware), or None if there is none."""
        return next(self.from_(instant), None)

    def from_(self, instant: datetime) -> Iterator[datetime]:
        """Yield all due times (UTC) strictly after `instant` (aware), ascending, each once."""
        last = instant
        for local in simulated(self.expression, instant.astimezone(zone_of(self.timezone))):
            due = local.astimezone(UTC)
            if due > last:
                last = due
                yield due


@dataclass(frozen=True, slots=True)
class Every:
    """Due at `anchor` (aware) and at each multiple of `seconds` after it, whatever happens in between.

    Raises:
        ScheduleError: `seconds` is less than 1 or more than 366 days.
    """

    seconds: float
    anchor: datetime

    def __post_init__(self) -> None:
        if not _MIN_INTERVAL_S <= self.seconds <= _MAX_INTERVAL_S:
            raise ScheduleError(f"{self.seconds:g} s is not a valid interval", remedy="Use 1 second to 366 days")

    @property
    def step(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def anchored_before(self, now: datetime) -> "Every":
        """Return the same interval with an anchor that is not after `now` (aware): whole steps earlier."""
        steps_ahead = -((now - self.anchor) // self.step)
        return self if self.anchor <= now else replace(self, anchor=self.anchor - steps_ahead * self.step)

    def after(self, instant: datetime) -> datetime | None:
        """Return the first due time (UTC) strictly after `instant` (aware)."""
        steps_until = (instant - self.anchor) // _MICROSECOND // (self.step // _MICROSECOND)
        try:
            return (self.anchor + max(steps_until + 1, 1) * self.step).astimezone(UTC)
        except OverflowError:
            return None

    def from_(self, instant: datetime) -> Iterator[datetime]:
        """Yield all due times (UTC) strictly after `instant` (aware), ascending."""
        due = self.after(instant)
        while due is not None:
            yield due
            due = self.after(due)


@dataclass(frozen=True, slots=True)
class Once:
    """Due once, at a time (aware)."""

    at: datetime

    def after(self, instant: datetime) -> datetime | None:
        """Return the due time (UTC) if it is strictly after `instant` (aware)."""
        return self.at.astimezone(UTC) if self.at > instant else None

    def from_(self, instant: datetime) -> Iterator[datetime]:
        """Yield the due time (UTC) if it is strictly after `instant` (aware)."""
        if self.at > instant:
            yield self.at.astimezone(UTC)


Timing = Cron | Every | Once


def due_between(timing: Timing, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the due times (UTC) strictly after `after` and not after `until` (both aware), ascending."""
    for due in timing.from_(after):
        if due > until:
            return
        yield due


def describe(timing: Timing) -> str:
    """Describe a timing: "cron 0 2 * * * in Europe/London", "every 6 h", "once at 2026-12-01T02:00:00Z"."""
    match timing:
        case Cron():
            return f"cron {timing.expression} in {timing.timezone}"
        case Every():
            return f"every {_in_units(timing.seconds)}"
        case Once():
            return f"once at {timing.at.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"


def _in_units(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


class _ForwardCronSim(CronSim):
    """Steps forward in elapsed time, so that it never steps over a change of the clock (decision 11).

    cronsim 2.8 goes back to the start of an hour and on by whole hours. If the clock changes within that hour, as from
    3:45 to 2:45 in Pacific/Chatham, it loops forever or loses a due time.
    """

    def advance_hour(self) -> bool:
        if self.dt.hour in self.hours:
            return False
        step = _HOUR_S if self.dt.tzinfo in (None, UTC) else _QUARTER_S
        while self.dt.hour not in self.hours:
            self.tick(seconds=step - (60 * self.dt.minute + self.dt.second) % step)
            if self.dt.hour == 0:
                break
        return True

    def advance_minute(self) -> bool:
        if self.dt.tzinfo in (None, UTC):
            return super().advance_minute()
        if self.dt.minute in self.minutes:
            return False
        while self.dt.minute not in self.minutes:
            self.tick(seconds=60 - self.dt.second)
            if self.dt.minute == 0:
                break
        return True


def simulated(expression: str, local: datetime) -> CronSim:
    return _ForwardCronSim(_MACROS.get(expression.lower(), expression), local)


@functools.cache
def zone_of(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


@functools.lru_cache(maxsize=4096)
def _check(expression: str, timezone: str) -> None:
    _check_zone(timezone)
    if expression.startswith("@") and expression.lower() not in _MACROS:
        remedy = did_you_mean(expression.lower(), _MACROS) or f"Use one of {', '.join(_MACROS)}"
        raise ScheduleError(f"'{expression}' is not a valid cron macro", remedy=remedy)
    fields = _MACROS.get(expression.lower(), expression).split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(
            f"'{expression}' has {len(fields)} fields; cron has five: minute hour day month weekday",
            remedy='For example "0 2 * * *": every night at two',
        )
    try:
        due = next(simulated(expression, _ANY_TIME), None)
    except CronSimError as error:
        raise _invalid(expression, fields, str(error)) from None
    except (AssertionError, TypeError, ValueError, LookupError, ArithmeticError):  # a text that cronsim did not expect
        raise ScheduleError(f"'{expression}' is not valid cron") from None
    if due is None:
        raise _never_due(expression)


def _check_zone(timezone: str) -> None:
    try:
        zone_of(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        remedy = did_you_mean(timezone, available_timezones()) or "Use a name such as Europe/London"
        raise ScheduleError(f"'{timezone}' is not a known time zone", remedy=remedy) from None


def _invalid(expression: str, fields: list[str], message: str) -> ScheduleError:
    """Translate cronsim's "Bad minute"; it says "Bad day-of-month" also of a day that no month has, as 30 February."""
    name = message.removeprefix("Bad ")
    if name not in _FIELDS:
        return ScheduleError(f"'{expression}' is not valid cron: {message}")
    field = fields[_FIELDS.index(name)]
    if name == "day-of-month" and all(day in _DAYS for day in field.split(",")):
        return _never_due(expression)
    return ScheduleError(
        f"'{expression}' is not valid cron: '{field}' is not a valid {name.replace('-', ' ')}",
        remedy=f"Use {_ALLOWED[name]}, a range, a list or a step such as */5",
    )


def _never_due(expression: str) -> ScheduleError:
    return ScheduleError(f"'{expression}' is never due: there is no such day", remedy="Correct the day or the month")
