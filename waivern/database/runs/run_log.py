"""The log of one run in the database."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection.clock import database_now
from waivern.database.current.state_changes import StateChanges
from waivern.database.runs.run_closing import close_run
from waivern.database.runs.run_writer import RunWriter
from waivern.database.schema.tables import artifact_attempts, artifacts
from waivern.errors import DatabaseUnavailableError, RunTakenOverError
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus
from waivern.runs.run_log import RunLog

if TYPE_CHECKING:  # slow to import; see `waivern.runs.run_store`
    from waivern.plans.plan import ExecutionPlan

_UPDATE_ARTIFACT = sa.update(artifacts).where(
    artifacts.c.run_number == sa.bindparam("changed_run"),
    artifacts.c.artifact_id == sa.bindparam("changed_artifact"),
    artifacts.c.status != ArtifactStatus.SUCCEEDED.value,  # never overwrite `succeeded` with a late status
)
_INSERT_FAILED_ATTEMPT = sa.insert(artifact_attempts)


class SqlRunLog(RunLog):
    """Writes through the run's `RunWriter`; the rows of all artifacts exist from the start.

    Changes are not waited for: each is committed with the next save, or within 0.2 s. If one fails, the next change,
    save or close raises its error.

    Args:
        writer: Writes for the run; closed with the log.
        already_succeeded: The artifacts that earlier attempts of the run have produced.
        prepare_refresh: Computes how closing the run with a status changes the current findings.
        collect_garbage: Deletes the blobs that runs no longer reference; called after the run was closed.
        caller: Who closes the run, for its event.
        is_claimed: Whether it was claimed from the queue: a service queues it again if it cannot be recorded.
    """

    def __init__(
        self,
        writer: RunWriter,
        already_succeeded: frozenset[str],
        *,
        prepare_refresh: Callable[[RunStatus], StateChanges | None],
        collect_garbage: Callable[[], object],
        caller: Caller,
        is_claimed: bool = False,
    ) -> None:
        self._writer = writer
        self._is_claimed = is_claimed
        self._already_succeeded = already_succeeded
        self._prepare_refresh = prepare_refresh
        self._collect_garbage = collect_garbage
        self._caller = caller

    def open(self, plan: "ExecutionPlan") -> frozenset[str]:  # noqa: ARG002  the run store has recorded the plan
        return self._already_succeeded

    def record(self, change: ArtifactChange) -> None:
        if change.status is ArtifactStatus.SUCCEEDED:
            return  # written by the artifact store, in one transaction with the message
        values = self._values(change)
        key = None
        if change.status is ArtifactStatus.RUNNING:  # the artifact's save writes `started_at` too
            key = change.artifact_id
            self._writer.started_at[key] = change.at
        self._writer.submit(lambda connection: _execute(connection, _UPDATE_ARTIFACT, values), urgent=False, key=key)

    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        values = {**asdict(attempt), "run_id": self._writer.run_id, "epoch": self._writer.epoch}
        self._writer.submit(lambda connection: _execute(connection, _INSERT_FAILED_ATTEMPT, values), urgent=False)

    def on_lost(self, callback: Callable[[RunTakenOverError], None]) -> None:
        self._writer.on_lost(callback)

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        prepared = self._prepare_refresh(status)
        self._writer.close(lambda connection: self._close_run(connection, status, error, prepared))
        with suppress(DatabaseUnavailableError):  # the run is closed; the next pruning collects its garbage
            self._collect_garbage()

    def abandon(self, *, error: str) -> None:
        if self._is_claimed:
            self._writer.close(lambda _connection: None)  # the run stays with its service, which releases it
        else:
            self.close(RunStatus.INTERRUPTED, error=error)

    def _close_run(
        self, connection: sa.Connection, status: RunStatus, error: str | None, prepared: StateChanges | None
    ) -> None:
        now = database_now(connection)  # the same clock as `started_at`
        run_id, caller = self._writer.run_id, self._caller
        close_run(connection, run_id, status, caller=caller, at=now, error=error, prepared=prepared)

    def _values(self, change: ArtifactChange) -> dict[str, Any]:
        values: dict[str, Any] = {
            "changed_run": self._writer.run_number,
            "changed_artifact": change.artifact_id,
            "status": change.status.value,
            "epoch": self._writer.epoch,
        }
        if change.status is ArtifactStatus.RUNNING:
            return {**values, "started_at": change.at}
        return {
            **values,
            "ended_at": change.at,
            "error": change.error,
            "skip_reason": change.skip_reason,
            "skipped_because": change.skipped_because,
        }


def _execute(connection: sa.Connection, statement: sa.Update | sa.Insert, values: dict[str, Any]) -> None:
    connection.execute(statement, values)
