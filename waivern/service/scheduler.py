"""The scheduler: APScheduler says when a schedule may be due, the database decides what is due and queues the runs."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from waivern.caller import Caller
from waivern.errors import DatabaseUnavailableError
from waivern.runs.run import utc_now
from waivern.schedules.schedule import Schedule
from waivern.schedules.schedule_store import EvaluationResult, ScheduleStore
from waivern.service.health import Health
from waivern.service.jobs.background_jobs import BackgroundJobs, PeriodicTask
from waivern.service.metrics import ServiceMetrics

logger = logging.getLogger(__name__)

_TASK = "schedules"
_INTERVAL_S = 1.0
_BATCH_SIZE = 100  # schedules in one transaction
_MAX_POSTPONED_S = 30.0  # the database's clock may be set forward while an alarm is postponed by it
_CLOCK_WAS_SET_S = 2.0
_SHOW_CORRECTION_S = 600.0
_UNUSABLE, _NOT_EVALUATED, _CLOCK = "unusable schedule", "schedule", "clock"


class Scheduler:
    """Queues a run for each scheduled time of each schedule, once, however many services share the database.

    Each schedule has an alarm among the background jobs, which marks it as due and starts the task that evaluates all
    due schedules in one transaction. Every second at the latest that task also checks whether schedules were changed,
    and whether the database's clock was set, by which schedules are due. Alarms are planned by that clock.

    Args:
        store: Where schedules are kept.
        jobs: Runs the alarms and the task.
        on_queued: Called when runs were queued, so that workers need not wait for their next look.
        metrics: Counts the scheduled times.
        caller: Who evaluates the schedules, for the audit log.
        health: Where schedules are reported that cannot be evaluated; each is logged once, and again when its fault
            changes.
    """

    def __init__(
        self,
        store: ScheduleStore,
        jobs: BackgroundJobs,
        *,
        on_queued: Callable[[], None],
        metrics: ServiceMetrics,
        health: Health,
        caller: Caller,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._on_queued = on_queued
        self._metrics = metrics
        self._lock = threading.Lock()
        self._due: dict[str, None] = {}  # a set that keeps its order
        self._schedules: dict[str, Schedule] = {}
        self._revision: str | None = None
        self._health = health
        self._caller = caller
        self._clock_ahead = timedelta()  # of the database's clock, before this machine's
        self._hide_correction_at = 0.0
        self._is_stopping = False

    def start(self) -> None:
        """Queue what was missed, as the schedules' catch-up says, then what becomes due."""
        self._jobs.add_task(PeriodicTask(_TASK, _INTERVAL_S, self._evaluate_due, is_pending=lambda: bool(self._due)))

    def stop(self) -> None:
        """Queue nothing more, except what is being evaluated at this moment."""
        self._is_stopping = True
        for job_id in (_TASK, *self._schedules):
            self._jobs.remove(job_id)

    def _mark_due(self, schedule_id: str) -> None:
        with self._lock:
            is_first = not self._due
            self._due[schedule_id] = None
        if is_first:
            self._jobs.run_in(_TASK)

    def _evaluate_due(self) -> None:
        while not self._is_stopping and (batch := self._take_due()):
            try:
                evaluated = self._evaluate(batch)
            except BaseException:
                with self._lock:
                    self._due.update(dict.fromkeys(batch))
                raise
            self._handle(evaluated)
        if not self._is_stopping:
            self._compare_clocks()
            self._read_changes()

    def _take_due(self) -> Sequence[str]:
        with self._lock:
            batch = list(self._due)[:_BATCH_SIZE]
            for schedule_id in batch:
                del self._due[schedule_id]
            return batch

    def _evaluate(self, schedule_ids: Sequence[str]) -> Sequence[EvaluationResult]:
        """Evaluate schedules in one transaction, or one by one if that fails, so that a broken one stops no other."""
        try:
            evaluated = self._store.evaluate(schedule_ids, caller=self._caller)
        except DatabaseUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with one schedule, the others go on
            if len(schedule_ids) > 1:
                return [result for schedule_id in schedule_ids for result in self._evaluate([schedule_id])]
            self._report_broken(schedule_ids[0], error)
            return []
        for schedule_id in schedule_ids:
            self._health.clear(_NOT_EVALUATED, schedule_id)
        return evaluated

    def _report_broken(self, schedule_id: str, error: Exception) -> None:
        """Report why a schedule cannot be evaluated: it is logged once, although it is evaluated whenever it is due."""
        fields = self._log_fields(schedule_id)
        happened = f"The schedule '{fields['schedule'] or schedule_id}' cannot be evaluated"
        self._health.report_error(_NOT_EVALUATED, schedule_id, happened, error, is_serious=False, fields=fields)

    def _handle(self, evaluated: Sequence[EvaluationResult]) -> None:
        for result in evaluated:
            for due_at, run_id in result.runs.items():
                self._metrics.triggered((result.evaluated_at - due_at).total_seconds())
                logger.info("Run queued for %s", due_at.isoformat(), extra=self._log_fields(result.schedule_id, run_id))
            self._metrics.skipped(result.skipped)
            if not result.is_complete:
                self._mark_due(result.schedule_id)
            elif not result.runs and not result.skipped:
                self._postpone_if_early(result)
        if any(result.runs for result in evaluated):
            self._on_queued()
        self._report_corrections(evaluated)

    def _report_corrections(self, evaluated: Sequence[EvaluationResult]) -> None:
        corrections = [result.correction for result in evaluated if result.correction is not None]
        if not corrections:
            return
        newest = max(corrections, key=lambda correction: correction.evaluated_until)
        problem = (
            f"The clock was ahead: schedules ({len(corrections)}) had been evaluated until"
            f" {newest.evaluated_until.isoformat()}; corrected at {newest.now.isoformat()}"
        )
        self._health.report(_CLOCK, "schedules", problem, is_serious=False)
        self._hide_correction_at = time.monotonic() + _SHOW_CORRECTION_S
        logger.warning(problem)

    def _compare_clocks(self) -> None:
        """Evaluate and plan all schedules again if the database's clock was set, compared with this machine's."""
        ahead = self._store.now() - utc_now()
        if abs((ahead - self._clock_ahead).total_seconds()) > _CLOCK_WAS_SET_S:
            logger.warning("The database's clock differs from this machine's by %.0f s now", ahead.total_seconds())
            self._clock_ahead = ahead
            for schedule_id in self._schedules:
                self._jobs.run_in(schedule_id)
        if time.monotonic() > self._hide_correction_at:
            self._health.clear(_CLOCK, "schedules")

    def _postpone_if_early(self, result: EvaluationResult) -> None:
        """Repeat the alarm if this machine's clock is ahead of the database's, by which nothing was due yet."""
        schedule = self._schedules.get(result.schedule_id)
        due_at = schedule.definition.timing.after(result.evaluated_at) if schedule is not None else None
        if due_at is not None and due_at <= utc_now() + self._clock_ahead:
            postponed_s = (due_at - result.evaluated_at).total_seconds()
            self._jobs.run_in(result.schedule_id, min(postponed_s, _MAX_POSTPONED_S))

    def _read_changes(self) -> None:
        """Set and remove alarms if schedules were added, changed or removed; a new alarm runs at once."""
        revision = self._store.revision()
        if revision == self._revision:
            return
        before, self._schedules = self._schedules, {schedule.id: schedule for schedule in self._store.all()}
        for schedule_id in before.keys() - self._schedules.keys():
            self._jobs.remove(schedule_id)
            self._health.clear(_NOT_EVALUATED, schedule_id)
        for schedule_id, schedule in self._schedules.items():
            if schedule_id not in before or before[schedule_id].changed_at != schedule.changed_at:
                timing = schedule.definition.timing
                self._jobs.set_alarm(schedule_id, timing, self._mark_due, clock_ahead=lambda: self._clock_ahead)
        self._report_unusable()
        self._revision = revision

    def _report_unusable(self) -> None:
        unusable = {schedule.schedule_id: schedule for schedule in self._store.unusable()}
        texts = {
            schedule_id: f"The schedule '{schedule.name}' cannot be used: {schedule.reason}"
            for schedule_id, schedule in unusable.items()
        }
        for schedule_id in self._health.replace(_UNUSABLE, texts, is_serious=False):
            logger.error(texts[schedule_id], extra={"schedule": unusable[schedule_id].name})

    def _log_fields(self, schedule_id: str, run_id: str | None = None) -> dict[str, object]:
        schedule = self._schedules.get(schedule_id)
        return {"run_id": run_id, "schedule": schedule.name if schedule is not None else None}
