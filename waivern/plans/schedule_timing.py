"""From the `schedule:` of a runbook to the times at which it is due."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from waivern.errors import ScheduleError
from waivern.runbooks.model.schedule_config import ScheduleConfig
from waivern.runbooks.reading.problems import Problem
from waivern.runbooks.reading.runbook_loader import LoadedRunbook
from waivern.schedules.timing import Cron, Every, Once, Timing

_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # outside these years some time zones overflow `datetime`


def timing_of(config: ScheduleConfig, *, anchor: datetime) -> Timing:
    """Return when a schedule is due.

    An `at` without an offset is in the schedule's time zone. A time that a clock change skips is moved behind the gap;
    of a time that occurs twice, the first is used.

    Args:
        config: The `schedule:` section.
        anchor: The instant (aware) from which `every` counts.

    Raises:
        ScheduleError: the schedule is invalid or never due.
    """
    if config.cron is not None:
        return Cron(config.cron, config.timezone)
    if config.every is not None:
        return Every(config.every, anchor)
    assert config.at is not None
    return Once(_instant_of(config.at, timezone=config.timezone))


def check_schedule(loaded: LoadedRunbook, problems: list[str]) -> None:
    """Add a problem if the runbook's schedule is invalid."""
    config = loaded.runbook.schedule
    if config is None:
        return
    try:
        timing_of(config, anchor=datetime.now(UTC))
    except ScheduleError as error:
        key = next(key for key in ("cron", "every", "at") if getattr(config, key) is not None)
        problems.append(loaded.describe(Problem(("schedule", key), str(error))))


def _instant_of(at: str, *, timezone: str) -> datetime:
    instant = datetime.fromisoformat(at)
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ScheduleError(
            f"'{at}' is not a valid time for a schedule", remedy=f"Use a year from {_FIRST_YEAR} to {_LAST_YEAR}"
        )
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
