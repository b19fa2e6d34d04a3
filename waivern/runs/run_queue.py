"""The port through which runs wait, are claimed by workers, and change hands."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from waivern.runs.run import RunStatus

HANDED_BACK = "handed_back"
"""How an attempt ended that the run gave up to another worker without being at fault."""

MOST_HANDED_BACK = 20
"""So often that costs a run nothing; then it may well be what makes the database go away each time it is made."""


@dataclass(frozen=True)
class NewRun:
    """A run that is to be made as soon as a worker is free.

    Args:
        runbook: The runbook's file, absolute; it is read when the run begins.
        runbook_name: What the runbook is called as far as is known.
        trigger: What caused the run.
        working_directory: The folder that relative paths in properties are meant from; else the runbook's.
        priority: Higher ones are claimed first.
        max_attempts: How often it may be begun before it counts as interrupted.
        available_at: It is not claimed before; None: at once.
    """

    runbook: Path
    runbook_name: str
    trigger: str
    working_directory: Path | None = None
    priority: int = 0
    max_attempts: int = 3
    available_at: datetime | None = None


@dataclass(frozen=True)
class ClaimedRun:
    """A run that this process, or one that it hands this to, owns under `epoch`. Can be pickled."""

    run_id: str
    epoch: int
    attempt: int
    max_attempts: int
    runbook: Path
    runbook_name: str
    trigger: str
    created_at: datetime
    working_directory: Path | None = None
    schedule: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class RunState:
    """Who owns a run now, as far as its fence tells."""

    epoch: int
    status: RunStatus


@dataclass(frozen=True)
class LostRun:
    """A run whose worker is gone, and what became of it: `queued` again, or `interrupted` for good."""

    run_id: str
    status: RunStatus
    attempt: int
    max_attempts: int
    worker: str | None


class RunQueue(ABC):
    """Where runs wait for a worker. Whatever number of processes use one queue, each run has one owner at a time.

    A run changes hands by its epoch: who owns it under a lower one can write nothing any more.
    """

    @property
    @abstractmethod
    def lease_s(self) -> float:
        """For how many seconds a claimed run stays the claimant's without a sign of life."""

    @abstractmethod
    def add(self, run: NewRun) -> str:
        """Queue a run; return its id."""

    @abstractmethod
    def claim(self) -> ClaimedRun | None:
        """Take the next run for this process, or None where none waits that may begin.

        The highest priority comes first, then what waits longest.
        """

    @abstractmethod
    def states_of(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        """Return how these runs stand."""

    @abstractmethod
    def end(self, run_id: str, epoch: int, status: RunStatus, *, error: str | None = None) -> bool:
        """End a run for a process that cannot do so itself; what it has not made counts as skipped.

        Returns False where the run was not this owner's any more; nothing was changed then.
        """

    @abstractmethod
    def lose(self, run_id: str, epoch: int, *, error: str) -> LostRun | None:
        """Give up an attempt whose process is gone: queue the run again, or end it as interrupted after the last.

        Returns None where the run was not this owner's any more.
        """

    @abstractmethod
    def hand_back(self, run_id: str, epoch: int) -> bool:
        """Queue a run again without counting the attempt; False where it was not this owner's any more.

        From `MOST_HANDED_BACK` times on each is an attempt that came to nothing, as in `lose`.
        """

    @abstractmethod
    def recover(self) -> Sequence[LostRun]:
        """Give up the attempts of all workers that are known dead, or whose lease ran out."""

    @abstractmethod
    def cancel(self, run_id: str) -> RunStatus:
        """End a queued or running run as cancelled, whoever owns it; return what it was before.

        Raises:
            RunError: there is no such run, or it has ended.
        """
