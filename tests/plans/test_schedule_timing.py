"""From `schedule:` to due instants."""

from datetime import UTC, datetime

import pytest

from waivern.errors import ScheduleError
from waivern.plans.schedule_timing import timing_of
from waivern.runbooks.model.schedule_config import ScheduleConfig
from waivern.schedules.timing import Cron, Every, Once, Timing

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "timing"),
    [
        ({"cron": "@daily", "timezone": "Asia/Tokyo"}, Cron("@daily", "Asia/Tokyo")),
        ({"every": "90m"}, Every(5400, NOW)),
        ({"at": "2026-12-01T02:00", "timezone": "Asia/Tokyo"}, Once(datetime(2026, 11, 30, 17, tzinfo=UTC))),
        ({"at": "2026-12-01T02:00+01:00", "timezone": "Asia/Tokyo"}, Once(datetime(2026, 12, 1, 1, tzinfo=UTC))),
        ({"at": "2026-03-29T01:30", "timezone": "Europe/London"}, Once(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))),
        ({"at": "2026-10-25T01:30", "timezone": "Europe/London"}, Once(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))),
    ],
)
def test_a_schedule_config_gives_its_timing(written: dict[str, str], timing: Timing) -> None:
    assert timing_of(ScheduleConfig.model_validate(written), anchor=NOW) == timing


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00", "9998-12-31T23:59:59"])
def test_a_time_of_the_first_and_of_the_last_year_is_valid_and_in_utc(at: str) -> None:
    timing = timing_of(ScheduleConfig.model_validate({"at": at}), anchor=NOW)
    assert isinstance(timing, Once)
    assert timing.at.isoformat() == f"{at}+00:00"
    assert timing.at.tzinfo is UTC


@pytest.mark.parametrize("at", ["1969-12-31T23:59:59", "9999-01-01T00:00:00"])
def test_a_time_outside_these_years_is_refused(at: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        timing_of(ScheduleConfig.model_validate({"at": at}), anchor=NOW)
    assert str(caught.value) == f"'{at}' is not a valid time for a schedule. Use a year from 1970 to 9998"
