"""APScheduler triggers: the scheduled times of a schedule, and a fixed interval."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

from waivern.schedules.timing import Timing

logger = logging.getLogger(__name__)

_RETRY_AFTER_FAULT = timedelta(minutes=1)


class ScheduleTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The scheduled times of a schedule, by its own timing: cron as cronsim reads it, an interval or one time.

    Scheduled times are by a clock that is `clock_ahead()` ahead of this machine's, as the database's may be. It never
    names a time that has passed, however long the machine slept: the database knows what was missed.
    """

    def __init__(self, timing: Timing, clock_ahead: Callable[[], timedelta] = timedelta) -> None:
        self._timing = timing
        self._clock_ahead = clock_ahead

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first scheduled time after `now` (aware), or None if there is none.

        An error would end the thread in which all jobs are planned, so it only makes the schedule be evaluated again
        in a minute; what is wrong with it is reported then.
        """
        try:
            ahead = self._clock_ahead()
            due_at = self._timing.after((now if previous_fire_time is None else max(previous_fire_time, now)) + ahead)
            return None if due_at is None else due_at - ahead
        except Exception:
            logger.debug("The next scheduled time cannot be computed", exc_info=True)
            return now + _RETRY_AFTER_FAULT


class PeriodicTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """At once, then every `seconds`. Unlike `IntervalTrigger` it does not compute the times missed during a sleep."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return `now` (aware) for the first time, else `now` plus the interval."""
        return now if previous_fire_time is None else now + self._interval
