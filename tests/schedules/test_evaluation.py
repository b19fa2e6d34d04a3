"""Outcomes of scheduled times after an hour without a service, case by case."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.builders.schedules import a_schedule
from waivern.schedules.evaluation import Evaluation, TriggerSkipReason, evaluate
from waivern.schedules.schedule import CatchUp, Overlap, ScheduleStatus
from waivern.schedules.spans import Decided, Span
from waivern.schedules.timing import Cron, Every

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
RUN, MISSED, BUSY, PAUSED = None, TriggerSkipReason.CATCH_UP, TriggerSkipReason.OVERLAP, TriggerSkipReason.PAUSED


def evaluated(minutes: int, *, seconds: float = 0, has_unfinished_run: bool = False, **terms: Any) -> Evaluation:
    """Evaluate a schedule that is due every ten minutes, some time after its last evaluation at midnight."""
    schedule = a_schedule(Cron("*/10 * * * *"), since=MIDNIGHT, **terms)
    now = MIDNIGHT + timedelta(minutes=minutes, seconds=seconds)
    return evaluate(schedule, now=now, has_unfinished_run=has_unfinished_run)


def outcomes(evaluation: Evaluation) -> list[TriggerSkipReason | None]:
    """Return what followed from each scheduled time."""
    return [outcome.skipped for outcome in evaluation.outcomes for _ in range(outcome.times)]


def test_nothing_is_due_between_two_scheduled_times() -> None:
    evaluation = evaluated(9)
    assert (evaluation.outcomes, evaluation.is_complete) == ((), True)
    assert evaluation.evaluated_until == MIDNIGHT + timedelta(minutes=9)


@pytest.mark.parametrize("catch_up", CatchUp)
def test_a_time_that_is_just_due_is_run_whatever_catch_up_says(catch_up: CatchUp) -> None:
    evaluation = evaluated(10, seconds=0.2, catch_up=catch_up)
    assert [(outcome.due_at.minute, outcome.skipped, outcome.is_late) for outcome in evaluation.outcomes] == [
        (10, None, False)
    ]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"catch_up": CatchUp.SKIP}, [MISSED, MISSED, MISSED]),
        ({"catch_up": CatchUp.LATEST}, [MISSED, MISSED, RUN]),
        ({"catch_up": CatchUp.ALL}, [RUN, RUN, RUN]),
        ({"catch_up": CatchUp.ALL, "max_catch_up": 2}, [MISSED, RUN, RUN]),
    ],
)
def test_missed_times_are_run_as_catch_up_says(terms: Any, expected: list[Any]) -> None:
    evaluation = evaluated(35, **terms)
    assert outcomes(evaluation) == expected
    assert all(outcome.is_late for outcome in evaluation.outcomes)


def test_latest_makes_up_for_nothing_if_a_newer_time_is_due_now() -> None:
    assert outcomes(evaluated(30, seconds=1, catch_up=CatchUp.LATEST)) == [MISSED, MISSED, RUN]


@pytest.mark.parametrize(("overlap", "expected"), [(Overlap.SKIP, BUSY), (Overlap.QUEUE, RUN), (Overlap.ALLOW, RUN)])
def test_overlap_decides_while_an_earlier_run_is_unfinished(overlap: Overlap, expected: Any) -> None:
    assert outcomes(evaluated(10, overlap=overlap, has_unfinished_run=True)) == [expected]


def test_the_latest_missed_time_is_skipped_while_an_earlier_run_is_unfinished() -> None:
    assert outcomes(evaluated(15, has_unfinished_run=True)) == [BUSY]


def test_catch_up_all_queues_all_missed_times_even_if_overlap_is_skip() -> None:
    assert outcomes(evaluated(25, catch_up=CatchUp.ALL, has_unfinished_run=True)) == [RUN, RUN]


def test_a_paused_schedule_skips_and_records_each_time() -> None:
    evaluation = evaluated(30, status=ScheduleStatus.PAUSED, catch_up=CatchUp.ALL)
    assert outcomes(evaluation) == [PAUSED, PAUSED, PAUSED]


def test_the_second_of_two_times_that_are_due_now_overlaps_the_first() -> None:
    schedule = a_schedule(Every(1, MIDNIGHT), since=MIDNIGHT)
    evaluation = evaluate(schedule, now=MIDNIGHT + timedelta(seconds=2), has_unfinished_run=False)
    assert outcomes(evaluation) == [RUN, BUSY]


def test_nothing_is_decided_twice_after_the_clock_was_set_back() -> None:
    schedule = a_schedule(Cron("* * * * *"), since=MIDNIGHT)
    evaluation = evaluate(schedule, now=MIDNIGHT - timedelta(hours=1), has_unfinished_run=False)
    assert (evaluation.outcomes, evaluation.evaluated_until) == ((), MIDNIGHT)


def test_ten_years_of_seconds_are_one_range_and_those_that_are_due_now() -> None:
    schedule = a_schedule(Every(1, MIDNIGHT), since=MIDNIGHT)
    now = MIDNIGHT + timedelta(days=3650, seconds=0.5)
    evaluation = evaluate(schedule, now=now, has_unfinished_run=False)
    missed, run, busy = evaluation.outcomes
    assert (missed.skipped, missed.due_at, missed.times) == (
        MISSED,
        MIDNIGHT + timedelta(seconds=1),
        3650 * 86_400 - 10,
    )
    assert missed.last_due_at == MIDNIGHT + timedelta(seconds=missed.times)
    assert (run.skipped, busy.skipped, busy.times) == (RUN, BUSY, 9)
    assert (evaluation.is_complete, evaluation.evaluated_until) == (True, now)


def test_many_runs_are_queued_in_steps() -> None:
    schedule = a_schedule(Cron("* * * * *"), since=MIDNIGHT, catch_up=CatchUp.ALL, max_catch_up=5000)
    now = MIDNIGHT + timedelta(days=5)
    first = evaluate(schedule, now=now, has_unfinished_run=False)
    assert (len(first.outcomes), first.is_complete) == (1000, False)
    assert first.outcomes[0].times == 7199 - 5000  # the last one is on time
    assert first.evaluated_until == first.outcomes[-1].due_at


def test_times_that_were_decided_before_are_left_out() -> None:
    runs = frozenset({MIDNIGHT + timedelta(minutes=20)})
    skipped = [Span(MIDNIGHT + timedelta(minutes=35), MIDNIGHT + timedelta(minutes=45), 1)]
    schedule = a_schedule(Cron("*/10 * * * *"), since=MIDNIGHT, catch_up=CatchUp.ALL)
    evaluation = evaluate(
        schedule,
        now=MIDNIGHT + timedelta(minutes=55),
        has_unfinished_run=False,
        decided=Decided(runs, skipped),
    )
    assert [outcome.due_at.minute for outcome in evaluation.outcomes] == [10, 30, 50]


def test_the_newest_missed_time_is_not_made_up_for_twice() -> None:
    newest = MIDNIGHT + timedelta(minutes=30)
    schedule = a_schedule(Cron("*/10 * * * *"), since=MIDNIGHT, catch_up=CatchUp.LATEST)
    now = MIDNIGHT + timedelta(minutes=35)
    evaluation = evaluate(schedule, now=now, has_unfinished_run=False, decided=Decided({newest}))
    assert outcomes(evaluation) == [MISSED, MISSED]
