"""Evaluate a schedule: which scheduled times get a run. Pure, so that every service decides the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleStatus
from waivern.schedules.spans import Decided, Span, split_newest
from waivern.schedules.timing import due_between

ON_TIME_S = 10.0
"""A scheduled time that is evaluated within so many seconds is on time; an older one was missed."""

CLOCK_TOLERANCE = timedelta(seconds=5)
"""A schedule that was evaluated until a time further than this in the future was evaluated by a wrong clock."""

_NOTHING_DECIDED = Decided()


class TriggerSkipReason(StrEnum):
    """Why a scheduled time has no run."""

    CATCH_UP = "catch_up"
    OVERLAP = "overlap"
    PAUSED = "paused"


@dataclass(frozen=True)
class TriggerOutcome:
    """What follows from a scheduled time: a run; or, with a reason in `skipped`, none for this one and the next ones.

    Args:
        due_at: The scheduled time, or the first of those that were skipped.
        skipped: Why there is no run.
        is_late: Whether it was missed at first.
        last_due_at: The last of those that were skipped.
        times: Their number; 1 for a run.
    """

    due_at: datetime
    skipped: TriggerSkipReason | None
    is_late: bool
    last_due_at: datetime
    times: int = 1


@dataclass(frozen=True)
class Evaluation:
    """The outcomes of the next scheduled times, ascending; if it `is_complete`, of all that are due by now."""

    outcomes: tuple[TriggerOutcome, ...]
    evaluated_until: datetime
    is_complete: bool


def evaluate(
    schedule: Schedule,
    *,
    now: datetime,
    has_unfinished_run: bool,
    decided: Decided = _NOTHING_DECIDED,
    at_most: int = 1000,
) -> Evaluation:
    """Decide the scheduled times after `schedule.evaluated_until` up to `now`.

    The outcomes are the same whether they are decided in one call or in several, with `evaluated_until` moved on. The
    time that this takes grows with the number of runs, hardly with the number of times that are skipped.

    Args:
        schedule: Its timing, its settings and how far it was evaluated.
        now: The present, aware.
        has_unfinished_run: Whether a run of it is queued or running.
        decided: Scheduled times of that period that have been decided already.
        at_most: The largest number of outcomes of one call.
    """
    since = schedule.evaluated_until
    if now <= since:
        return Evaluation((), since, is_complete=True)
    outcomes = list(_outcomes(schedule, now, decided, has_unfinished_run=has_unfinished_run))
    if len(outcomes) <= at_most:
        return Evaluation(tuple(outcomes), now, is_complete=True)
    return Evaluation(tuple(outcomes[:at_most]), outcomes[at_most - 1].last_due_at, is_complete=False)


def _outcomes(
    schedule: Schedule, now: datetime, decided: Decided, *, has_unfinished_run: bool
) -> Iterator[TriggerOutcome]:
    definition, since = schedule.definition, schedule.evaluated_until
    if schedule.status is ScheduleStatus.PAUSED:
        paused, _ = split_newest(definition.timing, 0, after=since, until=now, decided=decided)
        yield from _skipped(paused, TriggerSkipReason.PAUSED, is_late=False)
        return
    before_on_time = max(now - timedelta(seconds=ON_TIME_S) - datetime.resolution, since)
    on_time = list(due_between(definition.timing, after=before_on_time, until=now))
    missed, made_up_for = split_newest(
        definition.timing,
        _number_to_make_up_for(schedule, on_time),
        after=since,
        until=before_on_time,
        decided=decided,
    )
    yield from _skipped(missed, TriggerSkipReason.CATCH_UP, is_late=True)
    on_time = [due_at for due_at in on_time if due_at not in decided]
    yield from _merged(_single_outcomes(schedule, made_up_for, on_time, is_busy=has_unfinished_run))


def _number_to_make_up_for(schedule: Schedule, on_time: Sequence[datetime]) -> int:
    """Return how many of the newest missed times get a run after all."""
    match schedule.definition.catch_up:
        case CatchUp.SKIP:
            return 0
        case CatchUp.LATEST:
            return 0 if on_time else 1
        case CatchUp.ALL:
            return schedule.definition.max_catch_up


def _single_outcomes(
    schedule: Schedule, made_up_for: Sequence[datetime], on_time: Sequence[datetime], *, is_busy: bool
) -> Iterator[TriggerOutcome]:
    skips_overlap = schedule.definition.overlap is Overlap.SKIP
    catches_up_all = schedule.definition.catch_up is CatchUp.ALL
    is_busy = is_busy and skips_overlap
    for due_at, is_late in (*((due, True) for due in made_up_for), *((due, False) for due in on_time)):
        if is_busy and not (is_late and catches_up_all):
            yield TriggerOutcome(due_at, TriggerSkipReason.OVERLAP, is_late=is_late, last_due_at=due_at)
        else:
            yield TriggerOutcome(due_at, None, is_late=is_late, last_due_at=due_at)
            is_busy = skips_overlap


def _merged(outcomes: Iterator[TriggerOutcome]) -> Iterator[TriggerOutcome]:
    """Yield runs as they are, and times that were skipped one after the other for one reason as one outcome."""
    for (skipped, is_late), group in groupby(outcomes, key=lambda outcome: (outcome.skipped, outcome.is_late)):
        members = list(group)
        if skipped is None:
            yield from members
        else:
            yield TriggerOutcome(
                members[0].due_at, skipped, is_late=is_late, last_due_at=members[-1].due_at, times=len(members)
            )


def _skipped(span: Span | None, reason: TriggerSkipReason, *, is_late: bool) -> Iterator[TriggerOutcome]:
    if span is not None:
        yield TriggerOutcome(span.first, reason, is_late=is_late, last_due_at=span.last, times=span.times)
