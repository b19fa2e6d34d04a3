"""The port through which schedules are stored, and their scheduled times become runs."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from waivern.caller import Caller, CallerKind
from waivern.schedules.evaluation import TriggerSkipReason
from waivern.schedules.schedule import Schedule, ScheduleDefinition

DEFAULT_CALLER = Caller("scheduler", CallerKind.SERVICE)
"""Who evaluates schedules if nobody is named."""


@dataclass(frozen=True)
class TriggerRecord:
    """What followed from a scheduled time: a run; or for `times` of them, up to `last_due_at`, the reason for none."""

    due_at: datetime
    last_due_at: datetime
    times: int
    run_id: str | None
    skipped: TriggerSkipReason | None
    decided_at: datetime


@dataclass(frozen=True)
class ClockCorrection:
    """A schedule that a clock had evaluated until a future time is evaluated again from the present.

    Args:
        evaluated_until: How far it had been evaluated.
        now: The present by the database's clock.
        times: The scheduled times that were skipped by the wrong clock and are decided again.
    """

    evaluated_until: datetime
    now: datetime
    times: int


@dataclass(frozen=True)
class EvaluationResult:
    """The result of evaluating one schedule.

    Args:
        schedule_id: The schedule.
        evaluated_at: The present by the database's clock.
        runs: The ids of the queued runs by scheduled time.
        skipped: The number of scheduled times without a run.
        is_complete: False if more times are due than were decided in one call, or the schedule was changed meanwhile.
        correction: What was corrected, if it had been evaluated until a time in the future.
    """

    schedule_id: str
    evaluated_at: datetime
    runs: Mapping[datetime, str]
    skipped: int
    is_complete: bool
    correction: ClockCorrection | None = None


@dataclass(frozen=True)
class LastRun:
    """The newest run of a schedule; `status` is a run's, and `due_at` None unless it was triggered on schedule."""

    run_id: str
    status: str
    due_at: datetime | None
    started_at: datetime | None

    @property
    def lateness_seconds(self) -> float | None:
        """Return the seconds from its scheduled time to its start."""
        if self.due_at is None or self.started_at is None:
            return None
        return (self.started_at - self.due_at).total_seconds()


@dataclass(frozen=True)
class RunbookFault:
    """A runbook or folder that the newest sync of a followed folder refused, since when, and why."""

    folder: str
    path: str
    reason: str
    found_at: datetime


@dataclass(frozen=True)
class UnusableSchedule:
    """A stored schedule that cannot be used here, such as one in a time zone that this machine does not know."""

    schedule_id: str
    name: str
    reason: str


class ScheduleStore(ABC):
    """Where schedules are stored.

    Every change first decides what was due by then under the old settings, so that each scheduled time has a record.
    """

    @abstractmethod
    def add(self, definition: ScheduleDefinition, *, caller: Caller) -> Schedule:
        """Store a new schedule; it is due only from now on.

        Raises:
            ScheduleError: there is already a schedule with this name.
        """

    @abstractmethod
    def change(self, schedule_id: str, definition: ScheduleDefinition, *, caller: Caller) -> Schedule:
        """Replace the definition of a schedule.

        Raises:
            ScheduleError: it was removed, or a different schedule has the new name.
        """

    @abstractmethod
    def find(self, name: str) -> Schedule:
        """Return the schedule with this name that has not been removed.

        Raises:
            ScheduleError: there is none; the error names the nearest.
        """

    @abstractmethod
    def all(self) -> Sequence[Schedule]:
        """Return all schedules that have not been removed and can be used, by name."""

    @abstractmethod
    def unusable(self) -> Sequence[UnusableSchedule]:
        """Return the schedules that have not been removed, but cannot be used, by name."""

    @abstractmethod
    def replace_runbook_faults(self, folder: str, faults: Mapping[str, str]) -> None:
        """Store which runbooks of a folder cannot be followed, {path: reason}, instead of those stored before."""

    @abstractmethod
    def runbook_faults(self) -> Sequence[RunbookFault]:
        """Return the runbooks that cannot be followed, by folder and path."""

    @abstractmethod
    def pause(self, schedule_id: str, *, caller: Caller, because: str | None = None) -> None:
        """Skip its scheduled times, for the reason given, until it is resumed."""

    @abstractmethod
    def resume(self, schedule_id: str, *, caller: Caller) -> None:
        """Queue runs again from the next scheduled time on."""

    @abstractmethod
    def remove(self, schedule_id: str, *, caller: Caller) -> None:
        """End a schedule; its runs and its name in the history stay."""

    @abstractmethod
    def revision(self) -> str:
        """Return a text that changes whenever a schedule is added, changed, paused, resumed or removed."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the present by the database's clock, which decides what is due."""

    @abstractmethod
    def triggered_after(self, now: datetime) -> Mapping[str, frozenset[datetime]]:
        """Return the scheduled times after `now` that have a run already, by schedule: a clock was ahead."""

    @abstractmethod
    def evaluate(self, schedule_ids: Collection[str], *, caller: Caller = DEFAULT_CALLER) -> Sequence[EvaluationResult]:
        """Decide what is due and undecided, and queue its runs.

        What follows is computed first; one transaction then writes it, for each schedule that has not changed
        meanwhile. However many processes do so at the same time, each scheduled time is decided once. A schedule that
        was evaluated until a future time is corrected, which is recorded as an event by `caller`.
        """

    @abstractmethod
    def trigger(self, schedule_id: str) -> str:
        """Queue a run now, independently of the scheduled times; return the run's id."""

    @abstractmethod
    def times_without_run(self, schedule_id: str, times: Sequence[datetime]) -> Sequence[datetime]:
        """Return those of these past scheduled times that have no run."""

    @abstractmethod
    def backfill(self, schedule_id: str, times: Sequence[datetime]) -> Mapping[datetime, str]:
        """Queue runs for those of these past scheduled times that have none; return the ids of the runs."""

    @abstractmethod
    def triggers(self, schedule_id: str, *, limit: int) -> Sequence[TriggerRecord]:
        """Return what followed from the newest scheduled times, newest first; skipped ones as ranges."""

    @abstractmethod
    def last_runs(self) -> Mapping[str, LastRun]:
        """Return the newest run of each schedule that has one, by the schedule's id."""
