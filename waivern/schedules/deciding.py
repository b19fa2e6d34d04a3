"""What becomes of the instants at which a schedule was due: pure, so that every service decides alike."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleStatus
from waivern.schedules.timing import Every, Timing, due_between

ON_TIME_S = 10.0
"""An instant that is decided within so many seconds after it is on time; what is older was missed."""


class SkippedFire(StrEnum):
    """Why a due instant has no run."""

    CATCH_UP = "catch_up"
    OVERLAP = "overlap"
    PAUSED = "paused"


@dataclass(frozen=True)
class Fire:
    """What becomes of one due instant: a run unless it is `skipped`; `is_late` where it was missed at first."""

    due_at: datetime
    skipped: SkippedFire | None
    is_late: bool


@dataclass(frozen=True)
class Decision:
    """What becomes of the next due instants, ascending; where it `is_complete` these are all that are due by now."""

    fires: tuple[Fire, ...]
    evaluated_until: datetime
    is_complete: bool


def decide(schedule: Schedule, *, now: datetime, has_unfinished_run: bool, at_most: int = 1000) -> Decision:
    """Decide the due instants after `schedule.evaluated_until` up to `now`.

    Decided in several goes, with `evaluated_until` moved on each time, the outcome is the same as in one.

    Args:
        schedule: What is due when, and what its terms are.
        now: The present, aware.
        has_unfinished_run: Whether a run of it is queued or running.
        at_most: How many instants are decided in one go.
    """
    timing, since = schedule.definition.timing, schedule.evaluated_until
    due = list(islice(due_between(timing, after=since, until=now), at_most + 1))
    is_complete = len(due) <= at_most
    fires = tuple(_decided(schedule, due[:at_most], now, has_unfinished_run=has_unfinished_run))
    return Decision(fires, max(now, since) if is_complete else due[at_most - 1], is_complete)


def _decided(schedule: Schedule, due: list[datetime], now: datetime, *, has_unfinished_run: bool) -> Iterator[Fire]:
    if schedule.status is ScheduleStatus.PAUSED:
        yield from (Fire(each, SkippedFire.PAUSED, is_late=False) for each in due)
        return
    on_time_from = now - timedelta(seconds=ON_TIME_S)
    caught_up_from = _caught_up_from(schedule, now, on_time_from) if due and due[0] < on_time_from else on_time_from
    is_busy = has_unfinished_run and schedule.definition.overlap is Overlap.SKIP
    asks_for_all = schedule.definition.catch_up is CatchUp.ALL
    for each in due:
        is_late = each < on_time_from
        if is_late and (caught_up_from is None or each < caught_up_from):
            yield Fire(each, SkippedFire.CATCH_UP, is_late=True)
        elif is_busy and not (is_late and asks_for_all):
            yield Fire(each, SkippedFire.OVERLAP, is_late=is_late)
        else:
            yield Fire(each, None, is_late=is_late)
            is_busy = schedule.definition.overlap is Overlap.SKIP


def _caught_up_from(schedule: Schedule, now: datetime, on_time_from: datetime) -> datetime | None:
    """From which missed instant on they are run after all; None: none of them is."""
    definition, since = schedule.definition, schedule.evaluated_until
    if definition.catch_up is CatchUp.SKIP:
        return None
    just_before = on_time_from - timedelta(microseconds=1)
    if definition.catch_up is CatchUp.ALL:
        missed = _newest(definition.timing, definition.max_catch_up, after=since, until=just_before)
        return missed[0] if missed else None
    if next(due_between(definition.timing, after=max(just_before, since), until=now), None) is not None:
        return None
    missed = _newest(definition.timing, 1, after=since, until=just_before)
    return missed[0] if missed else None


def _newest(timing: Timing, number: int, *, after: datetime, until: datetime) -> deque[datetime]:
    """The newest of the due instants, without a walk over years of seconds."""
    if isinstance(timing, Every):
        after = max(after, until - timing.step * (number + 1))
    return deque(due_between(timing, after=after, until=until), maxlen=number)
