"""APScheduler wakes the service when a schedule may be due; what is due is told by the schedule's own times."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from waivern.schedules.timing import Timing

logging.getLogger("apscheduler").setLevel(logging.WARNING)


class DueTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Names the instants of a timing, and never one that has passed: what was missed is found in the database."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first due instant after now (aware), or None where there is none."""
        return self._timing.after(now if previous_fire_time is None else max(previous_fire_time, now))


class WakeUps:
    """One alarm a schedule.

    Args:
        wake: Called with the schedule's id when it may be due, in APScheduler's thread; should be quick.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},  # in the thread that waits: it only passes an id on
            job_defaults={"misfire_grace_time": None, "coalesce": True},
        )

    def start(self) -> None:
        self._scheduler.start()

    def close(self) -> None:
        self._scheduler.shutdown(wait=False)

    def set(self, schedule_id: str, timing: Timing) -> None:
        """Set, or set anew, the alarm of a schedule."""
        self._scheduler.add_job(
            self._wake, DueTrigger(timing), args=(schedule_id,), id=schedule_id, replace_existing=True
        )

    def unset(self, schedule_id: str) -> None:
        """Let the schedule wake nobody any more."""
        try:
            self._scheduler.remove_job(schedule_id)
        except JobLookupError:
            return  # it was not due again, so APScheduler had let go of it

    def look_again(self) -> None:
        """Look at the clock again: it was set, or the machine slept."""
        self._scheduler.wakeup()
