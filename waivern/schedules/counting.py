"""Count the due times of a cron expression without walking over each of them."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo

from waivern.schedules.timing import Cron, due_between, simulated, zone_of

_DAY = timedelta(days=1)


def count_due(cron: Cron, *, after: datetime, until: datetime) -> int:
    """Return the number of due times after `after` and not after `until` (both aware).

    A whole day without a change of the clock near it has as many as hours times minutes, or none. All other days are
    walked through.
    """
    number = 0
    for begin, end, per_day in _days(cron, after, until):
        number += sum(1 for _ in due_between(cron, after=begin, until=end)) if per_day is None else per_day
    return number


def _days(cron: Cron, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, int | None]]:
    """Yield the local days of a period: begin (excluded), end (included), and the number of due times if known."""
    zone = zone_of(cron.timezone)
    pattern = simulated(cron.expression, after.astimezone(zone))
    per_day = len(pattern.hours) * len(pattern.minutes)
    day, begin = after.astimezone(zone).date(), after
    while begin < until:
        end = _midnight(day + _DAY, zone) - datetime.resolution
        is_whole = begin < end <= until and begin == _midnight(day, zone) - datetime.resolution
        if is_whole and _is_regular(day, zone):
            is_due = day.month in pattern.months and pattern.match_day(day)
            yield begin, end, per_day if is_due else 0
        elif begin < end:
            yield begin, min(end, until), None
        day, begin = day + _DAY, max(begin, end)


def _is_regular(day: date, zone: tzinfo) -> bool:
    """Return whether the clock does not change on the day, the day before and the day after."""
    return len({_midnight(day + number * _DAY, zone).utcoffset() for number in (-1, 0, 1, 2)}) == 1


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
