"""Store the findings of a run's messages with the write lock held only while rows are written."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import allow_idling
from waivern.database.connection.retries import sleep_with_jitter
from waivern.database.findings.finding_rows import (
    FindingSnapshot,
    StreamBusyError,
    StreamChangedError,
    compute_changes,
    record,
)
from waivern.database.findings.staging import SnapshotStaging
from waivern.database.runs.leases import is_stale
from waivern.database.runs.run_writer import RunWriter
from waivern.database.schema.tables import runs
from waivern.runs.run import RunStatus

_MAX_DIRECT_CHANGES = 2_000  # rows that are written by the transaction that saves the message

Record = Callable[[sa.Connection], int | None]


class SnapshotWriter:
    """Stores the findings of the artifacts of one run.

    Args:
        engine: The database.
        writer: Writes for the run.
    """

    def __init__(self, engine: sa.Engine, writer: RunWriter) -> None:
        self._engine = engine
        self._run_id = writer.run_id
        self._owner = f"{writer.run_id}/{writer.epoch}"
        self._staging = SnapshotStaging(
            engine,
            run_id=writer.run_id,
            owner=self._owner,
            submit=lambda transaction: writer.submit(transaction).result(),
            is_alive=_is_alive,
        )

    def save(
        self, artifact_id: str, snapshot: FindingSnapshot | None, *, at: datetime, commit: Callable[[Record], None]
    ) -> None:
        """Commit a message with its findings; what they change is computed, and if large written, before.

        Args:
            artifact_id: The artifact.
            snapshot: The findings; None if the message holds none.
            at: When the message is saved.
            commit: Executes the transaction that saves the message, with a function that records its findings and
                returns the number of their snapshot. It is called again if another run has changed the stream since.
        """
        if snapshot is None:
            commit(lambda _connection: None)
            return
        must_stage = False
        while True:
            try:
                self._try_to_save(artifact_id, snapshot, at, commit, must_stage=must_stage)
            except StreamChangedError:
                sleep_with_jitter(0.0, 0.02)
            except StreamBusyError:
                must_stage = True  # staging waits for the other run, or removes what it has left
            else:
                return

    def _try_to_save(
        self,
        artifact_id: str,
        snapshot: FindingSnapshot,
        at: datetime,
        commit: Callable[[Record], None],
        *,
        must_stage: bool,
    ) -> None:
        with self._engine.connect() as connection:
            allow_idling(connection)
            changes = compute_changes(connection, self._run_id, artifact_id, snapshot, at=at)
        is_staged = changes.seq is None and (must_stage or changes.size > _MAX_DIRECT_CHANGES)
        if is_staged:
            self._staging.write(artifact_id, changes)
        staged_by = self._owner if is_staged else None
        commit(lambda connection: record(connection, self._run_id, artifact_id, changes, at=at, staged_by=staged_by))


def _is_alive(connection: sa.Connection, owner: str) -> bool:
    """Return whether a run may still be writing under its epoch."""
    run_id, _, epoch = owner.rpartition("/")
    run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).first()
    if run is None or run.status != RunStatus.RUNNING or str(run.epoch) != epoch:
        return False
    now = database_now(connection)
    return not is_stale(owner=run.worker_id, lease_until=run.lease_until, now=now)
