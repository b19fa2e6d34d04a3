"""An APScheduler job store that notices when the machine's clock is set."""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.jobstores.memory import MemoryJobStore

logger = logging.getLogger(__name__)

_MAX_WAIT = timedelta(seconds=1)
_CLOCK_WAS_SET_S = 2.0


class ClockAwareJobStore(MemoryJobStore):  # type: ignore[misc]  # APScheduler has no types
    """Jobs in memory that stay on time when the clock is set, or the machine sleeps.

    APScheduler computes by the wall clock how long to wait, and then waits by the monotonic clock. Without a limit it
    would sleep until the wall clock, once set back, has caught up again. So it wakes at least every second, and when
    the two clocks have moved apart, all jobs run at once and are rescheduled.
    """

    def __init__(self) -> None:
        super().__init__()
        self._checked_at = time.monotonic()
        self._wall_clock_ahead: float | None = None

    @property
    def unchecked_s(self) -> float:
        """Return for how many seconds APScheduler has not looked for due jobs: more than a few if it has stopped."""
        return time.monotonic() - self._checked_at

    def get_due_jobs(self, now: datetime) -> list[Any]:
        """Return the jobs that are due at `now` (aware); all of them if the clock was set since the last call."""
        self._checked_at = time.monotonic()
        ahead = now.timestamp() - self._checked_at
        moved_s = 0.0 if self._wall_clock_ahead is None else ahead - self._wall_clock_ahead
        self._wall_clock_ahead = ahead
        if abs(moved_s) > _CLOCK_WAS_SET_S:
            logger.warning("The clock was set, or the machine slept, by %.0f s", moved_s)
            for job in self.get_all_jobs():
                job.modify(next_run_time=now)
        due: list[Any] = super().get_due_jobs(now)
        return due

    def get_next_run_time(self) -> datetime:
        """Return when APScheduler is to wake up next: within a second."""
        latest = datetime.now(UTC) + _MAX_WAIT
        planned: datetime | None = super().get_next_run_time()
        return latest if planned is None else min(planned, latest)
