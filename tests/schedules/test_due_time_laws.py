"""Properties of the due times of every schedule, over the clock changes of three years in eleven time zones.

Each of 500 expressions is held against cronsim in each zone around one of the changes, another one each time. With
WAIVERN_TEST_THOROUGH=1 it is 2,000 expressions and all of the changes, which takes some minutes.
"""

import functools
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.schedules import a_schedule
from tests.builders.thoroughness import THOROUGH, examples
from waivern.errors import ScheduleError
from waivern.schedules.evaluation import TriggerOutcome, TriggerSkipReason, evaluate
from waivern.schedules.schedule import CatchUp, Overlap, Schedule
from waivern.schedules.timing import Cron, Every, Timing, due_between

ZONES = (
    *("Europe/London", "America/New_York", "Australia/Sydney", "Africa/Casablanca", "America/Santiago"),
    *("Asia/Kolkata", "Pacific/Apia", "Asia/Tehran", "Africa/Cairo", "Asia/Kathmandu", "UTC"),
)
EXPRESSIONS = 2_000 if THOROUGH else 500
MOST = 30  # due instants that are compared of one expression in one window
A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)
DAYS = ("SUN", "mon", "Tue", "WED", "thu", "FRI", "sat")
MONTHS = ("jan", "FEB", "Mar", "apr", "MAY", "jun", "JUL", "aug", "SEP", "oct", "NOV", "dec")


def a_field(draw: random.Random, lowest: int, highest: int, names: tuple[str, ...] = ()) -> str:
    """Return one field of cron in any of its forms."""

    def one(value: int) -> str:
        return names[value - lowest] if names and value - lowest < len(names) and draw.random() < 0.5 else str(value)

    def values(number: int) -> list[int]:
        return sorted(draw.randint(lowest, highest) for _ in range(number))

    first, last = values(2)
    forms = [
        "*",
        f"*/{draw.randint(1, highest)}",
        one(first),
        f"{first}-{last}",
        f"{first}-{last}/{draw.randint(1, 9)}",
    ]
    forms.append(",".join(one(value) for value in values(draw.randint(2, 4))))
    forms.append(f"{one(first)},{first}-{last}")
    return draw.choice(forms)


def an_expression(draw: random.Random) -> str:
    """Return a valid expression; days are often `*`, so that most are due within days."""
    minute, hour = a_field(draw, 0, 59), a_field(draw, 0, 23)
    day = "*" if draw.random() < 0.6 else a_field(draw, 1, 31)
    month = "*" if draw.random() < 0.7 else a_field(draw, 1, 12, MONTHS)
    weekday = "*" if draw.random() < 0.6 else a_field(draw, 0, 7, DAYS)
    return f"{minute} {hour} {day} {month} {weekday}"


@functools.cache
def clock_changes(zone: ZoneInfo) -> list[datetime]:
    """Return the times from 2025 to 2027 at which the zone's clock changes, or arbitrary ones if it never does."""
    quarters = [datetime(2025, 1, 1, tzinfo=UTC) + A_DAY * number / 96 for number in range(3 * 365 * 96)]
    offsets = [instant.astimezone(zone).utcoffset() for instant in quarters]
    changed = [quarters[number + 1] for number in range(len(quarters) - 1) if offsets[number] != offsets[number + 1]]
    return changed or quarters[:: 96 * 200]


def due_by_cronsim(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return the times of cronsim itself without its repetitions, as the oracle."""
    local = after.astimezone(UTC if zone.key == "UTC" else zone)
    simulated = takewhile(lambda due: due <= until, (due.astimezone(UTC) for due in CronSim(expression, local)))
    return sorted({due for due in simulated if due > after})


def expressions() -> Iterator[str]:
    draw = random.Random(20261124)
    made = 0
    while made < EXPRESSIONS:
        expression = an_expression(draw)
        try:
            Cron(expression)
        except ScheduleError as error:
            assert "never due" in str(error), expression  # noqa: PT017  all that a valid one can be refused for
            continue
        made += 1
        yield expression


ALL = list(expressions())


@pytest.mark.parametrize("zone_name", ZONES)
def test_expressions_are_due_when_cronsim_says_around_every_clock_change(zone_name: str) -> None:
    changes = clock_changes(ZoneInfo(zone_name))
    found = 0
    for number, expression in enumerate(ALL):
        for change in changes if THOROUGH else [changes[number % len(changes)]]:
            found += compared(Cron(expression, zone_name), change)
    assert found > EXPRESSIONS  # or the windows are too small to see anything


def compared(cron: Cron, change: datetime) -> int:
    """Compare the due times around a clock change with cronsim; return their number."""
    is_frequent = cron.expression.split()[1].startswith("*")
    after, until = change - (A_DAY / 16 if is_frequent else A_DAY), change + A_DAY / 2
    due = list(islice(due_between(cron, after=after, until=until), MOST))
    until = due[-1] if len(due) == MOST else until
    expected = due_by_cronsim(cron.expression, ZoneInfo(cron.timezone), after, until)
    assert due == expected, f"{cron.expression} in {cron.timezone} from {after}"
    assert due == sorted(set(due))
    return len(due)


def every_minute_that_fits(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return the due times of an expression with `*` in minute or hour, by checking every minute."""
    fields = CronSim(expression, datetime(2026, 1, 1))  # noqa: DTZ001  only to read the fields
    minute = after.replace(second=0, microsecond=0) + A_MINUTE
    due = []
    while minute <= until:
        local = minute.astimezone(zone)
        if local.minute in fields.minutes and local.hour in fields.hours and local.month in fields.months:
            due += [minute] if fields.match_day(local.date()) else []
        minute += A_MINUTE
    return due


@pytest.mark.parametrize("zone_name", ["Pacific/Chatham", "Australia/Lord_Howe", "Europe/London"])
def test_every_due_minute_is_found_if_the_clock_changes_within_an_hour(
    zone_name: str,
) -> None:
    zone = ZoneInfo(zone_name)
    starred = [expression for expression in ALL if "*" in (expression.split()[0][0], expression.split()[1][0])]
    changes = clock_changes(zone)
    for number, expression in enumerate(starred[:300]):
        change = changes[number % len(changes)]
        after, until = change - A_DAY / 6, change + A_DAY / 6
        due = list(due_between(Cron(expression, zone_name), after=after, until=until))
        assert due == every_minute_that_fits(expression, zone, after, until), f"{expression} around {change}"


@pytest.mark.parametrize("zone_name", ZONES)
def test_the_due_times_do_not_depend_on_where_the_search_starts(zone_name: str) -> None:
    draw = random.Random(zone_name)
    changes = clock_changes(ZoneInfo(zone_name))
    for expression in draw.sample(ALL, 80):
        cron, change = Cron(expression, zone_name), draw.choice(changes)
        begin, end = change - A_DAY / 8, change + A_DAY / 8
        due = list(due_between(cron, after=begin, until=end))
        for _ in range(4):
            instant = begin + timedelta(seconds=draw.uniform(0, 6 * 3_600))
            later = [due_at for due_at in due if due_at > instant]
            following = cron.after(instant)
            assert (following == later[0]) if later else (following is None or following > end), (expression, instant)


timings = st.one_of(
    st.sampled_from(["* * * * *", "*/7 * * * *", "0 * * * *", "0 2 * * *", "30 1 * * 0"]).map(Cron),
    st.integers(1, 100_000).map(lambda seconds: Every(seconds, datetime(2026, 1, 1, tzinfo=UTC))),
)
instants = st.integers(0, 40_000_000).map(
    lambda s: datetime(2025, 6, 1, tzinfo=UTC) + timedelta(milliseconds=s * 1000 + 7)
)
schedules = st.builds(
    a_schedule,
    timings,
    since=instants,
    catch_up=st.sampled_from(CatchUp),
    overlap=st.sampled_from(Overlap),
    max_catch_up=st.integers(1, 30),
)
spans = st.integers(0, 300)  # times that it was due meanwhile


def time_after(schedule: Schedule, number: int) -> datetime:
    """Return a time after the schedule was due `number` times: sometimes just after the last, sometimes later."""
    due = list(islice(schedule.definition.timing.from_(schedule.evaluated_until), number))
    return (due[-1] if due else schedule.evaluated_until) + timedelta(seconds=number % 40)


def evaluate_fully(schedule: Schedule, *, now: datetime, at_most: int, is_busy: bool) -> list[TriggerOutcome]:
    """Return the outcomes of all evaluations; as in the database, a run queued in one is unfinished in the next."""
    outcomes: list[TriggerOutcome] = []
    is_complete = False
    while not is_complete:
        evaluation = evaluate(schedule, now=now, has_unfinished_run=is_busy, at_most=at_most)
        outcomes.extend(evaluation.outcomes)
        is_busy = is_busy or any(outcome.skipped is None for outcome in evaluation.outcomes)
        schedule = replace(schedule, evaluated_until=evaluation.evaluated_until)
        is_complete = evaluation.is_complete
    return outcomes


def each_time(outcomes: list[TriggerOutcome], timing: Timing) -> list[TriggerOutcome]:
    """Return the outcomes with one for each scheduled time of a range; their number must be the range's."""
    single: list[TriggerOutcome] = []
    for outcome in outcomes:
        just_before = outcome.due_at - timedelta(microseconds=1)
        times = due_of(timing, just_before, outcome.last_due_at)
        assert (times[0], times[-1], len(times)) == (outcome.due_at, outcome.last_due_at, outcome.times)
        single += [replace(outcome, due_at=time, last_due_at=time, times=1) for time in times]
    return single


def due_of(timing: Timing, since: datetime, now: datetime) -> list[datetime]:
    return list(due_between(timing, after=since, until=now))


@settings(deadline=None, max_examples=examples(150))
@given(schedules, spans, st.integers(1, 50), st.booleans())
def test_the_outcomes_are_the_same_in_one_evaluation_or_in_several(
    schedule: Schedule, number: int, at_most: int, is_busy: bool
) -> None:
    now = time_after(schedule, number)
    in_one = evaluate_fully(schedule, now=now, at_most=1_000_000, is_busy=is_busy)
    assert evaluate_fully(schedule, now=now, at_most=at_most, is_busy=is_busy) == in_one


@settings(deadline=None, max_examples=examples(150))
@given(schedules, spans, st.booleans())
def test_exactly_the_due_times_are_decided_and_each_once(schedule: Schedule, number: int, is_busy: bool) -> None:
    now = time_after(schedule, number)
    outcomes = each_time(evaluate_fully(schedule, now=now, at_most=1_000, is_busy=is_busy), schedule.definition.timing)
    assert [outcome.due_at for outcome in outcomes] == due_of(schedule.definition.timing, schedule.evaluated_until, now)


@settings(deadline=None, max_examples=examples(150))
@given(schedules, spans)
def test_as_many_missed_times_are_run_as_catch_up_says(schedule: Schedule, number: int) -> None:
    evaluated = evaluate_fully(schedule, now=time_after(schedule, number), at_most=1_000, is_busy=False)
    outcomes = each_time(evaluated, schedule.definition.timing)
    late = [outcome for outcome in outcomes if outcome.is_late]
    run = [outcome for outcome in late if outcome.skipped is None]
    wanted: dict[CatchUp, Any] = {
        CatchUp.SKIP: 0,
        CatchUp.LATEST: int(bool(late) and len(late) == len(outcomes)),
        CatchUp.ALL: min(schedule.definition.max_catch_up, len(late)),
    }
    assert len(run) == wanted[schedule.definition.catch_up]
    assert run == late[len(late) - len(run) :]
    assert all(outcome.skipped is TriggerSkipReason.CATCH_UP for outcome in late if outcome not in run)
