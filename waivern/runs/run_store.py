"""The run store: the port through which runs are created, queued, claimed by workers and closed."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from waivern.artifacts.store import ArtifactStore
from waivern.caller import Caller
from waivern.runs.run import RunStatus
from waivern.runs.run_log import RunLog

if TYPE_CHECKING:  # a plan imports pydantic, which commands that only read past runs do not need
    from waivern.plans.plan import ExecutionPlan

RELEASED = "released"
"""The outcome of an attempt whose run was returned to the queue through no fault of its own."""

MAX_FREE_RELEASES = 20
"""Free releases per run; after that each counts as an attempt, because the run itself may be crashing the database."""


@dataclass(frozen=True)
class NewRun:
    """A run to be queued.

    Args:
        runbook: The absolute path of the runbook's file; it is read when the run starts.
        runbook_name: The runbook's name as far as it is known.
        trigger: What caused the run.
        working_directory: The base of relative paths in properties; None: the runbook's folder.
        priority: A point is worth 10 minutes of waiting.
        max_attempts: How many attempts may fail before the run is interrupted.
        available_at: The run is not claimed before this instant; None: at once.
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
    """A run that this process, or a process that it passes this to, owns under `epoch`. Can be pickled."""

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
    """The current epoch and status of a run."""

    epoch: int
    status: RunStatus


@dataclass(frozen=True)
class StaleRun:
    """A run whose attempt failed because its worker is gone; `status` is `queued` again, or `interrupted`."""

    run_id: str
    status: RunStatus
    attempt: int
    max_attempts: int
    worker: str | None


@dataclass(frozen=True)
class RunHandle:
    """A running run that this process owns under `epoch`: its artifact store, its log, and what it has produced."""

    run_id: str
    epoch: int
    store: ArtifactStore
    log: RunLog
    already_succeeded: frozenset[str] = frozenset()


class RunStore(ABC):
    """All runs of an installation. Any number of processes may use it; each run has one owner at a time.

    A run changes owners by a higher epoch: an owner with a lower epoch can write nothing more.
    """

    @property
    @abstractmethod
    def lease_s(self) -> float:
        """Seconds for which a claimed run stays with its worker without a heartbeat."""

    @abstractmethod
    def create(
        self, plan: "ExecutionPlan", *, trigger: str, caller: Caller, reanalysis_of: str | None = None
    ) -> RunHandle:
        """Create a run of the plan that this process owns.

        Args:
            plan: What is executed.
            trigger: What caused the run.
            caller: Who starts it.
            reanalysis_of: The id of the run whose sources this one reads again.
        """

    @abstractmethod
    def resume(self, run_id: str, plan: "ExecutionPlan", *, caller: Caller) -> RunHandle:
        """Resume an unfinished run under a higher epoch; its succeeded artifacts are kept.

        Raises:
            RunError: the run does not exist or has succeeded, its runbook has changed, or its owner is alive.
        """

    @abstractmethod
    def adopt_claimed(self, claimed: ClaimedRun, plan: "ExecutionPlan", *, caller: Caller) -> RunHandle:
        """Start or continue a claimed run; this process owns it from now on.

        Raises:
            RunTakenOverError: the claim is no longer valid.
            RunError: an earlier attempt executed another version of the runbook.
        """

    @abstractmethod
    def enqueue(self, run: NewRun) -> str:
        """Queue a run; return its id."""

    @abstractmethod
    def claim(self) -> ClaimedRun | None:
        """Claim the next run for this process; return None if no run may start now.

        Runs are claimed in the order in which they were queued, where a point of priority is worth 10 minutes of
        waiting: so runs with a higher priority go first, and none waits for ever.
        """

    @abstractmethod
    def states_of(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        """Return the current states of these runs, by id; unknown ids are absent."""

    @abstractmethod
    def close(self, run_id: str, epoch: int, status: RunStatus, *, caller: Caller, error: str | None = None) -> bool:
        """Close a running run for a process that cannot do so itself; its unfinished artifacts are skipped.

        Returns:
            False, with nothing changed, if the run is no longer owned under `epoch`.
        """

    @abstractmethod
    def fail_attempt(self, run_id: str, epoch: int, *, caller: Caller, error: str) -> StaleRun | None:
        """Record that an attempt's process is gone: queue the run again, or interrupt it after its last attempt.

        Returns:
            None, with nothing changed, if the run is no longer owned under `epoch`.
        """

    @abstractmethod
    def release(self, run_id: str, epoch: int, *, caller: Caller) -> bool:
        """Return a claimed run to the queue without counting the attempt.

        After `MAX_FREE_RELEASES` releases each further one counts as in `fail_attempt`.

        Returns:
            False, with nothing changed, if the run is no longer owned under `epoch`.
        """

    @abstractmethod
    def reap_stale(self, *, caller: Caller) -> Sequence[StaleRun]:
        """Fail the attempts of all running runs whose worker is dead or whose lease has expired.

        A run that a person started is closed as interrupted if its process is certainly dead; it can be resumed.
        """

    @abstractmethod
    def queued_of(self, schedule_id: str) -> Sequence[str]:
        """Return the ids of a schedule's queued runs, the first to be claimed first."""

    @abstractmethod
    def cancel_queued(self, run_ids: Collection[str], *, caller: Caller) -> Sequence[str]:
        """Cancel those of these runs that are queued still, each in a transaction; return their ids."""

    @abstractmethod
    def cancel(self, run_id: str, *, caller: Caller) -> RunStatus:
        """Cancel a queued or running run, regardless of its owner; return its status before.

        Raises:
            RunError: the run does not exist or has already ended.
        """
