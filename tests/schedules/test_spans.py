"""Many due times at once are counted and divided as by walking over each of them."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.schedules.test_due_time_laws import ALL, ZONES, clock_changes
from waivern.schedules.counting import count_due
from waivern.schedules.spans import Span, split_newest
from waivern.schedules.timing import Cron, Every, Once, Timing, due_between

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone_name", ZONES)
def test_due_times_are_counted_as_by_walking_over_them(zone_name: str) -> None:
    draw = random.Random(zone_name)
    changes = clock_changes(ZoneInfo(zone_name)) or [NEW_YEAR]
    for expression in draw.sample(ALL, 12):
        cron, middle = Cron(expression, zone_name), draw.choice(changes)
        after = middle - timedelta(seconds=draw.uniform(0, 5 * 86_400))
        until = after + timedelta(seconds=draw.uniform(0, 9 * 86_400))
        walked = sum(1 for _ in due_between(cron, after=after, until=until))
        assert count_due(cron, after=after, until=until) == walked, (expression, after, until)


@pytest.mark.parametrize("number", [0, 1, 7, 10_000])
@pytest.mark.parametrize(
    "timing",
    [
        Cron("*/20 * * * *", "Europe/London"),
        Cron("5 4 * * sun"),
        Cron("0 0 29 2 *"),
        Every(5000, NEW_YEAR),
        Once(NEW_YEAR + timedelta(days=80)),
    ],
)
def test_the_newest_and_the_span_of_the_others_are_all_due_times(timing: Timing, number: int) -> None:
    after, until = NEW_YEAR + timedelta(minutes=3), NEW_YEAR + timedelta(days=100, seconds=1)
    due = list(due_between(timing, after=after, until=until))
    span, newest = split_newest(timing, number, after=after, until=until)
    others = due[: max(len(due) - number, 0)]
    assert list(newest) == due[len(others) :]
    assert span == (Span(others[0], others[-1], len(others)) if others else None)
