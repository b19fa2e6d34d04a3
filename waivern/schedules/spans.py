"""Many due times at once: the newest of a period, and the first, the last and the number of the others."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from waivern.schedules.counting import count_due
from waivern.schedules.timing import Cron, Every, Timing, due_between

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Span:
    """A number of due times from `first` to `last`, both included."""

    first: datetime
    last: datetime
    times: int


@dataclass(frozen=True)
class Decided:
    """Due times after a schedule's last evaluation that have been decided all the same: before its clock was corrected.

    Args:
        runs: Those that have a run.
        skipped: Those that have none.
    """

    runs: Collection[datetime] = ()
    skipped: Sequence[Span] = ()

    def __contains__(self, due_at: object) -> bool:
        if not isinstance(due_at, datetime):
            return False
        return due_at in self.runs or any(span.first <= due_at <= span.last for span in self.skipped)

    def __bool__(self) -> bool:
        return bool(self.runs or self.skipped)


def span_of(times: Iterable[datetime]) -> Span | None:
    """Return the span of ascending times; None if there are none."""
    first = last = None
    number = 0
    for last in times:
        number += 1
        if first is None:
            first = last
    return None if first is None or last is None else Span(first, last, number)


def split_newest(
    timing: Timing, number: int, *, after: datetime, until: datetime, decided: Decided | None = None
) -> tuple[Span | None, Sequence[datetime]]:
    """Return the span of the due times in a period without the newest `number`, and those newest ones, ascending.

    Takes no longer for a year than for a day. Times that are `decided` already are left out of both, but count among
    the newest; then each due time is evaluated.

    Args:
        timing: When it is due.
        number: How many of the newest to return.
        after: The beginning of the period (aware), itself not included.
        until: Its end (aware), included.
        decided: Times that were decided before.
    """
    if decided:
        return _split_undecided(timing, number, decided, after=after, until=until)
    if isinstance(timing, Every):
        return _split_interval(timing, number, after=after, until=until)
    newest = _newest(timing, number + 1, after=after, until=until)
    if len(newest) <= number:
        return None, newest
    first, last = timing.after(after), newest[0]
    assert first is not None
    times = count_due(timing, after=after, until=last) if isinstance(timing, Cron) else 1
    return Span(first, last, times), newest[1:]


def _split_undecided(
    timing: Timing, number: int, decided: Decided, *, after: datetime, until: datetime
) -> tuple[Span | None, Sequence[datetime]]:
    due = list(due_between(timing, after=after, until=until))
    first_newest = max(len(due) - number, 0)
    others = span_of(time for time in due[:first_newest] if time not in decided)
    return others, [time for time in due[first_newest:] if time not in decided]


def _newest(timing: Timing, number: int, *, after: datetime, until: datetime) -> Sequence[datetime]:
    """Return the newest due times of a period, ascending: look back twice as far until there are enough."""
    look_back = timedelta(days=1)
    while True:
        since = max(after, until - look_back) if until - after > look_back else after
        newest = deque(due_between(timing, after=since, until=until), maxlen=number)
        if since == after or len(newest) == number:
            return list(newest)
        look_back *= 2


def _split_interval(
    timing: Every, number: int, *, after: datetime, until: datetime
) -> tuple[Span | None, Sequence[datetime]]:
    first = timing.after(after)
    if first is None or first > until:
        return None, []
    step = timing.step
    count = (until - first) // _MICROSECOND // (step // _MICROSECOND) + 1
    others = max(count - number, 0)
    newest = [first + step * index for index in range(others, count)]
    return (Span(first, first + step * (others - 1), others) if others else None), newest
