"""What becomes of due instants after an hour without a service, case by case."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.builders.schedules import a_schedule
from waivern.schedules.evaluation import Evaluation, TriggerSkipReason, evaluate
from waivern.schedules.schedule import CatchUp, Overlap, ScheduleStatus
from waivern.schedules.timing import Cron, Every

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
RUN, MISSED, BUSY, PAUSED = None, TriggerSkipReason.CATCH_UP, TriggerSkipReason.OVERLAP, TriggerSkipReason.PAUSED


def decided(minutes: int, *, seconds: float = 0, has_unfinished_run: bool = False, **terms: Any) -> Evaluation:
    """What becomes of a schedule that is due every ten minutes, so long after it was last looked at, at midnight."""
    schedule = a_schedule(Cron("*/10 * * * *"), since=MIDNIGHT, **terms)
    now = MIDNIGHT + timedelta(minutes=minutes, seconds=seconds)
    return evaluate(schedule, now=now, has_unfinished_run=has_unfinished_run)


def outcomes(evaluation: Evaluation) -> list[TriggerSkipReason | None]:
    return [outcome.skipped for outcome in evaluation.outcomes]


def test_nothing_is_due_between_two_instants() -> None:
    evaluation = decided(9)
    assert (evaluation.outcomes, evaluation.is_complete) == ((), True)
    assert evaluation.evaluated_until == MIDNIGHT + timedelta(minutes=9)


@pytest.mark.parametrize("catch_up", CatchUp)
def test_an_instant_that_has_just_come_is_run_whatever_is_caught_up(catch_up: CatchUp) -> None:
    evaluation = decided(10, seconds=0.2, catch_up=catch_up)
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
def test_what_was_missed_is_caught_up_as_the_schedule_says(terms: Any, expected: list[Any]) -> None:
    evaluation = decided(35, **terms)
    assert outcomes(evaluation) == expected
    assert all(outcome.is_late for outcome in evaluation.outcomes)


def test_where_one_is_on_time_it_is_the_latest_and_nothing_else_is_caught_up() -> None:
    assert outcomes(decided(30, seconds=1, catch_up=CatchUp.LATEST)) == [MISSED, MISSED, RUN]


@pytest.mark.parametrize(("overlap", "expected"), [(Overlap.SKIP, BUSY), (Overlap.QUEUE, RUN), (Overlap.ALLOW, RUN)])
def test_while_the_last_run_goes_on_the_overlap_decides(overlap: Overlap, expected: Any) -> None:
    assert outcomes(decided(10, overlap=overlap, has_unfinished_run=True)) == [expected]


def test_the_latest_is_not_caught_up_beside_a_run_that_goes_on() -> None:
    assert outcomes(decided(15, has_unfinished_run=True)) == [BUSY]


def test_who_asks_for_all_gets_all_one_after_the_other() -> None:
    assert outcomes(decided(25, catch_up=CatchUp.ALL, has_unfinished_run=True)) == [RUN, RUN]


def test_a_paused_schedule_remembers_each_instant_and_runs_none() -> None:
    evaluation = decided(30, status=ScheduleStatus.PAUSED, catch_up=CatchUp.ALL)
    assert outcomes(evaluation) == [PAUSED, PAUSED, PAUSED]


def test_of_two_instants_on_time_the_second_overlaps_the_first() -> None:
    schedule = a_schedule(Every(1, MIDNIGHT), since=MIDNIGHT)
    evaluation = evaluate(schedule, now=MIDNIGHT + timedelta(seconds=2), has_unfinished_run=False)
    assert outcomes(evaluation) == [RUN, BUSY]


def test_a_clock_that_was_set_back_decides_nothing_twice() -> None:
    schedule = a_schedule(Cron("* * * * *"), since=MIDNIGHT)
    evaluation = evaluate(schedule, now=MIDNIGHT - timedelta(hours=1), has_unfinished_run=False)
    assert (evaluation.outcomes, evaluation.evaluated_until) == ((), MIDNIGHT)


def test_ten_years_of_seconds_are_decided_piece_by_piece_and_only_the_last_is_run() -> None:
    schedule = a_schedule(Every(1, MIDNIGHT), since=MIDNIGHT)
    evaluation = evaluate(schedule, now=MIDNIGHT + timedelta(days=3650, seconds=0.5), has_unfinished_run=False)
    assert (len(evaluation.outcomes), evaluation.is_complete) == (1000, False)
    assert set(outcomes(evaluation)) == {MISSED}
    assert evaluation.evaluated_until == MIDNIGHT + timedelta(seconds=1000)
