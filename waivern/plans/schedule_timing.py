"""From the `schedule:` of a runbook to the instants at which it is due."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from waivern.errors import ScheduleError
from waivern.runbooks.model.schedule_config import ScheduleConfig
from waivern.runbooks.reading.problems import Fault
from waivern.runbooks.reading.runbook_loader import LoadedRunbook
from waivern.schedules.timing import Cron, Every, Once, Timing

_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # beyond, some zone's clock has left the calendar


def timing_of(config: ScheduleConfig, *, anchor: datetime) -> Timing:
    """Return when a schedule is due.

    An `at` without an offset is meant in the schedule's time zone; where a change of the clock leaves it out, it is
    moved behind the gap, and where it comes twice, the first one is meant.

    Args:
        config: What the runbook says.
        anchor: From which instant (aware) on `every` counts.

    Raises:
        ScheduleError: it is never due, or cannot be read.
    """
    if config.cron is not None:
        return Cron(config.cron, config.timezone)
    if config.every is not None:
        return Every(config.every, anchor)
    assert config.at is not None
    return Once(_instant_of(config.at, timezone=config.timezone))


def check_schedule(loaded: LoadedRunbook, problems: list[str]) -> None:
    """Add to `problems` why the runbook's schedule cannot be kept."""
    config = loaded.runbook.schedule
    if config is None:
        return
    try:
        timing_of(config, anchor=datetime.now(UTC))
    except ScheduleError as error:
        key = next(key for key in ("cron", "every", "at") if getattr(config, key) is not None)
        problems.append(loaded.located(Fault(("schedule", key), str(error))))


def _instant_of(at: str, *, timezone: str) -> datetime:
    written = datetime.fromisoformat(at)
    if not _FIRST_YEAR <= written.year <= _LAST_YEAR:
        raise ScheduleError(f"'{at}' is no time for a schedule", remedy=f"Give one from {_FIRST_YEAR} to {_LAST_YEAR}")
    return (written if written.tzinfo is not None else written.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
