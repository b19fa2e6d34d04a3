"""What a service does at certain times, as jobs of one APScheduler."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from waivern.errors import DatabaseUnavailableError
from waivern.schedules.timing import Timing
from waivern.service.database_watch import RETRY_S, DatabaseWatch
from waivern.service.health import Health
from waivern.service.jobs.executor import DaemonThreadExecutor
from waivern.service.jobs.job_store import ClockAwareJobStore
from waivern.service.jobs.triggers import PeriodicTrigger, ScheduleTrigger

logger = logging.getLogger(__name__)
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns whenever a job is still running when due again
logging.getLogger("apscheduler.executors").setLevel(logging.CRITICAL)  # errors of jobs are logged here, see below

_STOP_TIMEOUT_S = 2.0
_TASK = "task"


@dataclass(frozen=True)
class PeriodicTask:
    """Something that a service does again and again.

    Args:
        name: What it is, for the log and as the job's id.
        interval_s: Seconds from one start to the next. A task that is still running by then is not started twice.
        run: Does it, in a thread of its own.
        is_pending: Whether it must run again at once, asked after each run.
    """

    name: str
    interval_s: float
    run: Callable[[], object]
    is_pending: Callable[[], bool] = lambda: False


class BackgroundJobs:
    """APScheduler, set up for a service: what is due runs in threads, and errors are logged and reported.

    A periodic task that fails runs again when it is due. If the database was unavailable it runs again after a second.
    Only the first failure is logged, and again when it changes.

    Args:
        database: Records whether the database answers.
        health: Where a task is reported until it succeeds again.
    """

    def __init__(self, database: DatabaseWatch, health: Health) -> None:
        self._database = database
        self._health = health
        self._tasks: dict[str, PeriodicTask] = {}
        self._store = ClockAwareJobStore()
        self._threads = DaemonThreadExecutor()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": self._store},
            executors={"default": self._threads, "inline": DebugExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True},
        )
        self._scheduler.add_listener(self._on_finished, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)

    @property
    def stalled_s(self) -> float:
        """Return for how many seconds nothing that is due has been started; about a second at most if all is well."""
        return self._store.unchecked_s if self._scheduler.running else 0.0

    def start(self) -> None:
        """Start to run what is due."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing more; return when the running jobs have ended, or after 2 seconds."""
        self._scheduler.shutdown(wait=False)
        self._threads.join(_STOP_TIMEOUT_S)

    def add_task(self, task: PeriodicTask) -> None:
        """Run a task at once and then at its interval."""
        self._tasks[task.name] = task
        trigger = PeriodicTrigger(task.interval_s)
        self._scheduler.add_job(task.run, trigger, id=task.name, name=task.name)

    def set_alarm(
        self,
        job_id: str,
        timing: Timing,
        call: Callable[[str], object],
        *,
        clock_ahead: Callable[[], timedelta] = timedelta,
    ) -> None:
        """Call `call(job_id)` now and at each scheduled time, in APScheduler's own thread, so it must be quick.

        Replaces the alarm of the same id. `clock_ahead` returns by how much the clock that the scheduled times refer to
        is ahead of this machine's.
        """
        self._scheduler.add_job(
            call,
            ScheduleTrigger(timing, clock_ahead),
            args=(job_id,),
            id=job_id,
            executor="inline",
            next_run_time=datetime.now(UTC),
            replace_existing=True,
        )

    def run(self, function: Callable[..., object], *args: Any, name: str) -> None:
        """Run a function once, at once, in a thread of its own."""
        self._scheduler.add_job(function, args=args, name=name)

    def run_in(self, job_id: str, seconds: float = 0.0) -> None:
        """Run a task or an alarm in `seconds`, whenever it would be due; later runs are planned from there."""
        with suppress(JobLookupError):  # removed, or its last scheduled time has passed
            self._scheduler.modify_job(job_id, next_run_time=datetime.now(UTC) + timedelta(seconds=seconds))

    def remove(self, job_id: str) -> None:
        """Remove a task or an alarm, if it is there."""
        self._tasks.pop(job_id, None)
        with suppress(JobLookupError):  # APScheduler removes a job after its last run
            self._scheduler.remove_job(job_id)

    def _on_finished(self, event: Any) -> None:
        """Handle what APScheduler reports after each run of a job."""
        task = self._tasks.get(event.job_id)
        if task is not None:
            self._on_task_finished(task, event.exception)
        elif event.exception is not None:  # an alarm, or something that runs once: it never succeeds later
            logger.error("Job failed: %s", event.job_id, exc_info=event.exception)

    def _on_task_finished(self, task: PeriodicTask, error: BaseException | None) -> None:
        if isinstance(error, DatabaseUnavailableError):
            self._database.failed(task.name, error)
            self.run_in(task.name, RETRY_S)
        elif error is not None:
            self._health.report_error(_TASK, task.name, f"The task '{task.name}' fails", error)
        else:
            self._database.answered(task.name)
            self._health.clear(_TASK, task.name)
            if task.is_pending():
                self.run_in(task.name)
