"""The ports through which a run is written down while it goes on."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waivern.artifacts.store import ArtifactStore
from waivern.errors import RunTakenOverError
from waivern.runs.run import ArtifactChange, FailedAttempt, RunStatus
from waivern.runs.run_queue import ClaimedRun

if TYPE_CHECKING:  # a plan brings pydantic along, which whoever only asks about past runs need not wait for
    from waivern.plans.plan import ExecutionPlan


class RunLog(ABC):
    """The record of one run: opened once, noted in, closed once."""

    @abstractmethod
    def open(self, plan: "ExecutionPlan") -> frozenset[str]:
        """Write down what is to be made; return the ids that an earlier attempt of this run made already."""

    @abstractmethod
    def note(self, change: ArtifactChange) -> None:
        """Write down a change; may return before it is durable, but keeps the order of calls.

        A `succeeded` says that the artifact store has kept the message: where store and log are one database, the
        store wrote message and state in one transaction, and there is nothing left to write.

        Raises:
            RunTakenOverError: another process carries the run on.
        """

    @abstractmethod
    def attempt_failed(self, attempt: FailedAttempt) -> None:
        """Write down a failed attempt at an artifact that has `retry` or `timeout`; on the terms of `note`."""

    @abstractmethod
    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        """Write down how the run ended, and that what has not ended was not made; durable on return.

        Nothing is recorded afterwards.

        Raises:
            RunTakenOverError: another process carries the run on.
        """

    def when_lost(self, tell: Callable[[RunTakenOverError], None]) -> None:  # noqa: B027  most cannot lose a run
        """Let it be told, from whichever thread, that another process cancelled the run or carries it on.

        Whoever waits for a component that hangs would not learn it by the next note.
        """


class NoRunLog(RunLog):
    """Writes nothing down: for a run that lives in one process and is forgotten with it."""

    def open(self, plan: "ExecutionPlan") -> frozenset[str]:  # noqa: ARG002
        return frozenset()

    def note(self, change: ArtifactChange) -> None:
        pass

    def attempt_failed(self, attempt: FailedAttempt) -> None:
        pass

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        pass


@dataclass(frozen=True)
class OpenRun:
    """A run that this process owns under `epoch`: its artifacts, and its record."""

    run_id: str
    epoch: int
    store: ArtifactStore
    log: RunLog


class RunRegister(ABC):
    """Where runs begin and are taken up again."""

    @abstractmethod
    def begin(self, plan: "ExecutionPlan", *, trigger: str, reanalysis_of: str | None = None) -> OpenRun:
        """Begin a new run of the plan, owned by this process; `reanalysis_of`: whose sources it takes over."""

    @abstractmethod
    def take_up(self, run_id: str, plan: "ExecutionPlan") -> OpenRun:
        """Take up an unfinished run again, under a higher epoch; what it made stays.

        Raises:
            RunError: there is no such run, it has succeeded, its runbook was another one, or its owner is alive.
        """

    @abstractmethod
    def start(self, claimed: ClaimedRun, plan: "ExecutionPlan") -> OpenRun:
        """Begin, or go on with, a run that was claimed from the queue; from now on this process owns it.

        Raises:
            RunTakenOverError: it is not the claimant's any more.
            RunError: an earlier attempt had another version of the runbook.
        """
