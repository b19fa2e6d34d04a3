"""Outcomes of scheduled times after an hour without a service, case by case."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.builders.schedules import a_schedule
from waivern.schedules.evaluation import Evaluation, TriggerSkipReason, evaluate
from waivern.schedules.schedule import CatchUp, Overlap, ScheduleStatus
from waivern.schedules.timing import Cron, Every

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
RUN, MISSED, BUSY, PAUSED = None, TriggerSkipReason.CATCH_UP, TriggerSkipReason.OVERLAP, TriggerSkipReason.PAUSED


def evaluated(minutes: int, *, seconds: float = 0, has_unfinished_run: bool = False, **terms: Any) -> Evaluation:
    """Evaluate a schedule that is due every ten minutes, some time after its last evaluation at midnight."""
    schedule = a_schedule(Cron("*/10 * * * *"), since=MIDNIGHT, **terms)
    now = MIDNIGHT + timedelta(minutes=minutes, seconds=seconds)
    return evaluate(schedule, now=now, has_unfinished_run=has_unfinished_run)


def outcomes(evaluation: Evaluation) -> list[TriggerSkipReason | None]:
    return [outcome.skipped for outcome in evaluation.outcomes]


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


def test_ten_years_of_seconds_are_decided_in_steps() -> None:
    schedule = a_schedule(Every(1, MIDNIGHT), since=MIDNIGHT)
    evaluation = evaluate(schedule, now=MIDNIGHT + timedelta(days=3650, seconds=0.5), has_unfinished_run=False)
    assert (len(evaluation.outcomes), evaluation.is_complete) == (1000, False)
    assert set(outcomes(evaluation)) == {MISSED}
    assert evaluation.evaluated_until == MIDNIGHT + timedelta(seconds=1000)
