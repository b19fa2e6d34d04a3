"""Evaluate a schedule: which scheduled times get a run. Pure, so that every service decides the same."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleStatus
from waivern.schedules.timing import Every, Timing, due_between

ON_TIME_S = 10.0
"""A scheduled time that is evaluated within so many seconds is on time; an older one was missed."""


class TriggerSkipReason(StrEnum):
    """Why a scheduled time has no run."""

    CATCH_UP = "catch_up"
    OVERLAP = "overlap"
    PAUSED = "paused"


@dataclass(frozen=True)
class TriggerOutcome:
    """What follows from one scheduled time: a run unless it is `skipped`; `is_late` if it was missed at first."""

    due_at: datetime
    skipped: TriggerSkipReason | None
    is_late: bool


@dataclass(frozen=True)
class Evaluation:
    """The outcomes of the next scheduled times, ascending; if it `is_complete`, of all that are due by now."""

    outcomes: tuple[TriggerOutcome, ...]
    evaluated_until: datetime
    is_complete: bool


def evaluate(schedule: Schedule, *, now: datetime, has_unfinished_run: bool, at_most: int = 1000) -> Evaluation:
    """Decide the scheduled times after `schedule.evaluated_until` up to `now`.

    The outcomes are the same whether they are decided in one call or in several, with `evaluated_until` moved on.

    Args:
        schedule: Its timing, its terms and how far it was evaluated.
        now: The present, aware.
        has_unfinished_run: Whether a run of it is queued or running.
        at_most: The largest number of scheduled times decided in one call.
    """
    timing, since = schedule.definition.timing, schedule.evaluated_until
    due = list(islice(due_between(timing, after=since, until=now), at_most + 1))
    is_complete = len(due) <= at_most
    outcomes = tuple(_outcomes(schedule, due[:at_most], now, has_unfinished_run=has_unfinished_run))
    return Evaluation(outcomes, max(now, since) if is_complete else due[at_most - 1], is_complete)


def _outcomes(
    schedule: Schedule, due: list[datetime], now: datetime, *, has_unfinished_run: bool
) -> Iterator[TriggerOutcome]:
    if schedule.status is ScheduleStatus.PAUSED:
        yield from (TriggerOutcome(due_at, TriggerSkipReason.PAUSED, is_late=False) for due_at in due)
        return
    on_time_from = now - timedelta(seconds=ON_TIME_S)
    catch_up_from = _catch_up_from(schedule, now, on_time_from) if due and due[0] < on_time_from else on_time_from
    is_busy = has_unfinished_run and schedule.definition.overlap is Overlap.SKIP
    catches_up_all = schedule.definition.catch_up is CatchUp.ALL
    for due_at in due:
        is_late = due_at < on_time_from
        if is_late and (catch_up_from is None or due_at < catch_up_from):
            yield TriggerOutcome(due_at, TriggerSkipReason.CATCH_UP, is_late=True)
        elif is_busy and not (is_late and catches_up_all):
            yield TriggerOutcome(due_at, TriggerSkipReason.OVERLAP, is_late=is_late)
        else:
            yield TriggerOutcome(due_at, None, is_late=is_late)
            is_busy = schedule.definition.overlap is Overlap.SKIP


def _catch_up_from(schedule: Schedule, now: datetime, on_time_from: datetime) -> datetime | None:
    """Return the earliest missed time that gets a run after all; None if none does."""
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
    """Return the newest scheduled times. For an interval, do not walk over years of seconds."""
    if isinstance(timing, Every):
        after = max(after, until - timing.step * (number + 1))
    return deque(due_between(timing, after=after, until=until), maxlen=number)
