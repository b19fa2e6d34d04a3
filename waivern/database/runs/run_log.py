"""The record of one run in the database, while it goes on."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.runs.run_closing import write_end
from waivern.database.runs.run_writer import RunWriter
from waivern.database.schema.tables import artifact_attempts, artifacts
from waivern.errors import DatabaseUnavailableError, RunTakenOverError
from waivern.history.events import UNNAMED
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus
from waivern.runs.run_log import RunLog

if TYPE_CHECKING:  # slow to import; see `waivern.runs.run_log`
    from waivern.plans.plan import ExecutionPlan

_NOT_SUCCEEDED = artifacts.c.status != ArtifactStatus.SUCCEEDED.value
_ARTIFACT = sa.update(artifacts).where(
    artifacts.c.run_number == sa.bindparam("of_run"),
    artifacts.c.artifact_id == sa.bindparam("of_artifact"),
    _NOT_SUCCEEDED,  # what has its message has it, whatever somebody says who did not see it come
)

_FAILED_ATTEMPT = sa.insert(artifact_attempts)


class SqlRunLog(RunLog):
    """Writes through the run's `RunWriter`; rows for all artifacts are there from the start.

    Notes are not waited for: each goes along with the next save, or follows within a fifth of a second. What they fail
    with is raised by the next note, save or close.

    Args:
        writer: Writes in the name of the run; closed with the log.
        already_made: What earlier attempts of the run made.
        empty: Empties what runs have let go of; called when the run has ended.
        actor: Who closes it, as its event tells.
    """

    def __init__(
        self, writer: RunWriter, already_made: frozenset[str], empty: Callable[[], object], *, actor: str = UNNAMED
    ) -> None:
        self._writer = writer
        self._already_made = already_made
        self._empty = empty
        self._actor = actor

    def open(self, plan: "ExecutionPlan") -> frozenset[str]:  # noqa: ARG002  the register wrote the plan down
        return self._already_made

    def note(self, change: ArtifactChange) -> None:
        if change.status is ArtifactStatus.SUCCEEDED:
            return  # the store wrote that, in one transaction with the message
        values = self._values(change)
        about = None
        if change.status is ArtifactStatus.RUNNING:  # the save says so too
            about = change.artifact_id
            self._writer.begun[about] = change.at
        self._writer.submit(lambda connection: _execute(connection, _ARTIFACT, values), urgent=False, about=about)

    def attempt_failed(self, attempt: FailedAttempt) -> None:
        values = {**asdict(attempt), "run_id": self._writer.run_id, "epoch": self._writer.epoch}
        self._writer.submit(lambda connection: _execute(connection, _FAILED_ATTEMPT, values), urgent=False)

    def when_lost(self, tell: Callable[[RunTakenOverError], None]) -> None:
        self._writer.when_lost(tell)

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        self._writer.close(lambda connection: self._write_the_end(connection, status, error))
        with suppress(DatabaseUnavailableError):  # the run has ended; whoever prunes next empties what it let go of
            self._empty()

    def _write_the_end(self, connection: sa.Connection, status: RunStatus, error: str | None) -> None:
        """The end is told by the clock that the beginning was told by: the database's."""
        now = database_now(connection)
        write_end(connection, self._writer.run_id, status, actor=self._actor, at=now, error=error)

    def _values(self, change: ArtifactChange) -> dict[str, Any]:
        values: dict[str, Any] = {
            "of_run": self._writer.run_number,
            "of_artifact": change.artifact_id,
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
