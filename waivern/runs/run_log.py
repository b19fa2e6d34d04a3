"""The log of one run: its changes are recorded while it is executed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from waivern.errors import RunTakenOverError
from waivern.runs.run import ArtifactChange, FailedAttempt, RunStatus

if TYPE_CHECKING:  # a plan imports pydantic, which commands that only read past runs do not need
    from waivern.plans.plan import ExecutionPlan


class RunLog(ABC):
    """The record of one run: opened once, written to by the executor, closed once."""

    @abstractmethod
    def open(self, plan: "ExecutionPlan") -> frozenset[str]:
        """Record the plan; return the ids of the artifacts that an earlier attempt of this run has produced."""

    @abstractmethod
    def record(self, change: ArtifactChange) -> None:
        """Record a change of an artifact; may return before it is durable, but keeps the order of calls.

        A `succeeded` means that the artifact store has saved the message. If store and log share a database, the store
        has already written message and status in one transaction, and nothing is left to write here.

        Raises:
            RunTakenOverError: another process owns the run.
        """

    @abstractmethod
    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        """Record a failed attempt at an artifact that has `retry` or `timeout`; see `record`."""

    @abstractmethod
    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        """Record the run's final status and skip its unfinished artifacts; durable on return.

        Nothing is recorded afterwards.

        Raises:
            RunTakenOverError: another process owns the run.
        """

    def abandon(self, *, error: str) -> None:
        """Stop recording a run whose changes could not be recorded; it can be resumed, or is queued again.

        Nothing is recorded afterwards.

        Raises:
            DatabaseError: this could not be recorded either; the run stays `running` until its process ends.
            RunTakenOverError: another process owns the run.
        """
        self.close(RunStatus.INTERRUPTED, error=error)

    def on_lost(self, callback: Callable[[RunTakenOverError], None]) -> None:  # noqa: B027  optional: most logs cannot lose their run
        """Register a callback that is called (from any thread) when another process cancels or takes over the run.

        Needed because a hung component produces no further log calls.
        """


class NoRunLog(RunLog):
    """Records nothing: for a run that exists in one process only."""

    def open(self, plan: "ExecutionPlan") -> frozenset[str]:  # noqa: ARG002
        return frozenset()

    def record(self, change: ArtifactChange) -> None:
        pass

    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        pass

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        pass
