"""Due times of schedules, case by case."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from waivern.errors import ScheduleError
from waivern.schedules.timing import Cron, Every, Once, Timing, describe, due_between


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(timing: Timing, after: str, number: int = 3) -> list[str]:
    return [due.strftime("%m-%d %H:%M") for due in islice(timing.from_(utc(after)), number)]


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("0 2 * * *", ["11-24 02:00", "11-25 02:00", "11-26 02:00"]),
        ("*/20 9-10 * * mon-fri", ["11-24 09:00", "11-24 09:20", "11-24 09:40"]),
        ("0 0 * * 0", ["11-29 00:00", "12-06 00:00", "12-13 00:00"]),
        ("0 0 * * 7", ["11-29 00:00", "12-06 00:00", "12-13 00:00"]),
        ("0 0 * * SUN", ["11-29 00:00", "12-06 00:00", "12-13 00:00"]),
        ("0 0 1 * fri", ["11-27 00:00", "12-01 00:00", "12-04 00:00"]),
        ("15,45 6 1 jan,jul *", ["01-01 06:15", "01-01 06:45", "07-01 06:15"]),
        ("@daily", ["11-25 00:00", "11-26 00:00", "11-27 00:00"]),
        ("@Weekly", ["11-29 00:00", "12-06 00:00", "12-13 00:00"]),
        ("@hourly", ["11-24 01:00", "11-24 02:00", "11-24 03:00"]),
        ("0 0 29 2 *", ["02-29 00:00", "02-29 00:00", "02-29 00:00"]),
    ],
)
def test_cron_expressions_are_due_as_in_debians_cron(expression: str, due: list[str]) -> None:
    assert first(Cron(expression), "2026-11-24T00:00:00") == due


def test_a_cron_time_is_local_time_in_its_time_zone() -> None:
    assert first(Cron("0 2 * * *", "America/New_York"), "2026-10-31T00:00:00") == [
        "10-31 06:00",
        "11-01 07:00",
        "11-02 07:00",
    ]


def test_the_first_of_each_month_is_due_in_every_time_zone() -> None:
    due = list(islice(Cron("0 0 1 * *", "Europe/London").from_(utc("2026-01-01T12:00:00")), 12))
    local = [instant.astimezone(ZoneInfo("Europe/London")) for instant in due]
    assert [(moment.month, moment.day, moment.hour) for moment in local] == [
        (month % 12 + 1, 1, 0) for month in range(1, 13)
    ]


def test_a_time_in_a_gap_is_due_at_its_end_and_a_repeated_time_once() -> None:
    london = Cron("30 1 * * *", "Europe/London")
    assert first(london, "2026-03-28T12:00:00", 2) == ["03-29 01:00", "03-30 00:30"]
    assert first(london, "2026-10-24T12:00:00", 2) == ["10-25 00:30", "10-26 01:30"]


def test_times_that_coincide_are_due_once() -> None:
    assert first(Cron("0 1,2 * * *", "Europe/London"), "2026-03-28T12:00:00", 3) == [
        "03-29 01:00",
        "03-30 00:00",
        "03-30 01:00",
    ]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 0 31 2 *", "is never due"),
        ("0 0 30 2 *", "is never due"),
        ("0 0 31 4,6,9,11 *", "is never due"),
        ("60 * * * *", "'60' is not a valid minute"),
        ("* 24 * * *", "'24' is not a valid hour"),
        ("* * 0 * *", "'0' is not a valid day of month"),
        ("* * * 13 *", "'13' is not a valid month"),
        ("* * * * 8", "'8' is not a valid day of week"),
        ("*/0 * * * *", "is not a valid minute"),
        ("5-1 * * * *", "'5-1' is not a valid minute"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("@reboot", "is not a valid cron macro"),
        ("@dayly", "Did you mean '@daily'?"),
    ],
)
def test_an_invalid_expression_is_refused_with_the_reason(expression: str, message: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Cron(expression)
    assert message in str(refused.value)


def test_an_unknown_time_zone_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ScheduleError, match="Did you mean 'Europe/London'"):
        Cron("@daily", "Europe/Londn")


def test_an_interval_counts_from_its_anchor() -> None:
    every = Every(25_200, utc("2026-11-24T03:10:00"))
    assert first(every, "2026-11-20T00:00:00", 2) == ["11-24 10:10", "11-24 17:10"]
    assert first(every, "2026-11-24T10:10:00", 2) == ["11-24 17:10", "11-25 00:10"]
    assert first(every, "2026-11-24T10:09:59", 1) == ["11-24 10:10"]


def test_an_interval_does_not_drift_over_years() -> None:
    every = Every(1.1, utc("2026-01-01T00:00:00"))
    million = every.anchor + timedelta(microseconds=1_100_000 * 10_000_000)
    assert every.after(million - timedelta(microseconds=1)) == million


@pytest.mark.parametrize("seconds", [0, 0.5, -1, 366 * 86_400 + 1, float("nan"), float("inf")])
def test_an_invalid_interval_is_refused(seconds: float) -> None:
    with pytest.raises(ScheduleError):
        Every(seconds, utc("2026-01-01T00:00:00"))


def test_an_interval_ends_with_the_calendar() -> None:
    assert Every(86_400, utc("2026-01-01T00:00:00")).after(datetime.max.replace(tzinfo=UTC)) is None


def test_once_is_due_once() -> None:
    once = Once(utc("2026-12-01T02:00:00"))
    assert first(once, "2026-11-30T00:00:00") == ["12-01 02:00"]
    assert once.after(once.at) is None


def test_due_between_excludes_the_start_and_includes_the_end() -> None:
    hourly = Cron("0 * * * *")
    due = due_between(hourly, after=utc("2026-11-24T01:00:00"), until=utc("2026-11-24T03:00:00"))
    assert [instant.hour for instant in due] == [2, 3]


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        (Cron("0 2 * * *", "Europe/London"), "cron 0 2 * * * in Europe/London"),
        (Every(21_600, utc("2026-11-24T00:00:00")), "every 6 h"),
        (Every(90, utc("2026-11-24T00:00:00")), "every 90 s"),
        (Once(utc("2026-12-01T02:00:00")), "once at 2026-12-01T02:00:00Z"),
    ],
)
def test_a_timing_is_described_in_a_few_words(timing: Timing, message: str) -> None:
    assert describe(timing) == message
