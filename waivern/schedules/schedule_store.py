"""The port through which schedules are kept, and their due instants become runs."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from waivern.schedules.deciding import SkippedFire
from waivern.schedules.schedule import Schedule, ScheduleDefinition


@dataclass(frozen=True)
class FireRecord:
    """What became of one due instant: a run, or the reason why there is none."""

    due_at: datetime
    run_id: str | None
    skipped: SkippedFire | None
    decided_at: datetime


@dataclass(frozen=True)
class Fired:
    """What firing a schedule came to.

    `runs` leads from due instants to the ids of their runs. `is_complete` is False where more instants are due than
    were decided at once. `decided_at` is the present by the clock that decided.
    """

    schedule_id: str
    decided_at: datetime
    runs: Mapping[datetime, str]
    skipped: int
    is_complete: bool


@dataclass(frozen=True)
class LastRun:
    """The newest run of a schedule; `status` is a run's, and `due_at` None where it was not made by the clock."""

    run_id: str
    status: str
    due_at: datetime | None
    started_at: datetime | None

    @property
    def lateness_seconds(self) -> float | None:
        """Return the seconds from the instant that it was due to its start."""
        if self.due_at is None or self.started_at is None:
            return None
        return (self.started_at - self.due_at).total_seconds()


class ScheduleStore(ABC):
    """Where schedules are kept.

    Each change first decides what was due by then under the old terms, so that no due instant is left without a record.
    """

    @abstractmethod
    def add(self, definition: ScheduleDefinition) -> Schedule:
        """Keep a new schedule; what was due before now is not its affair.

        Raises:
            ScheduleError: there is one of this name.
        """

    @abstractmethod
    def change(self, schedule_id: str, definition: ScheduleDefinition) -> Schedule:
        """Give a schedule other terms.

        Raises:
            ScheduleError: it is gone, or its new name is another's.
        """

    @abstractmethod
    def find(self, name: str) -> Schedule:
        """Return the schedule of this name that has not been removed.

        Raises:
            ScheduleError: there is none; names the nearest.
        """

    @abstractmethod
    def all(self) -> Sequence[Schedule]:
        """Return all that have not been removed, by name."""

    @abstractmethod
    def pause(self, schedule_id: str, *, because: str | None = None) -> None:
        """Let what becomes due be skipped, with that as the reason, until it is resumed."""

    @abstractmethod
    def resume(self, schedule_id: str) -> None:
        """Let what becomes due from now on be run again."""

    @abstractmethod
    def remove(self, schedule_id: str) -> None:
        """Let nothing of it become due again; its runs and its name in the history stay."""

    @abstractmethod
    def revision(self) -> str:
        """Return a text that is another one after any schedule was added, changed, paused, resumed or removed."""

    @abstractmethod
    def fire(self, schedule_ids: Collection[str]) -> Sequence[Fired]:
        """Decide what is due by now and has not been decided, and queue the runs, in one transaction.

        However many processes do so at once, each due instant is decided once.
        """

    @abstractmethod
    def trigger(self, schedule_id: str) -> str:
        """Queue a run of it now, whatever is due; return the run's id."""

    @abstractmethod
    def without_run(self, schedule_id: str, instants: Sequence[datetime]) -> Sequence[datetime]:
        """Return those of these past due instants that have no run."""

    @abstractmethod
    def backfill(self, schedule_id: str, instants: Sequence[datetime]) -> Mapping[datetime, str]:
        """Queue runs for those of these past due instants that have none; return the runs' ids."""

    @abstractmethod
    def fires(self, schedule_id: str, *, limit: int) -> Sequence[FireRecord]:
        """Return what became of the newest due instants, newest first."""

    @abstractmethod
    def last_runs(self) -> Mapping[str, LastRun]:
        """Return the newest run of each schedule that has one, by the schedule's id."""
