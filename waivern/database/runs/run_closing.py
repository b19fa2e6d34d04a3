"""Rows that are written when an attempt at a run begins or ends, and when the run is closed."""

from datetime import datetime

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.current.refresh import refresh_after_closing
from waivern.database.current.state_changes import StateChanges
from waivern.database.events import run_events
from waivern.database.retention.retention_rules import prune_at_run_end
from waivern.database.runs.outbox import queue_notifications
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, run_attempts, runs
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason

_SKIP_REASONS = {RunStatus.TIMED_OUT: SkipReason.TIMEOUT, RunStatus.CANCELLED: SkipReason.CANCELLED}
_SKIP_UNFINISHED = (
    sa.update(artifacts)
    .where(
        artifacts.c.run_number == run_number_of(sa.bindparam("closed_run")),
        artifacts.c.status.in_((ArtifactStatus.PENDING.value, ArtifactStatus.RUNNING.value)),
    )
    .values(status=ArtifactStatus.SKIPPED.value)
)
_CLOSE_RUN = sa.update(runs).where(runs.c.id == sa.bindparam("closed_run")).values(lease_until=None)
_CLOSE_ATTEMPT = sa.update(run_attempts).where(
    run_attempts.c.run_id == sa.bindparam("closed_run"), run_attempts.c.ended_at.is_(None)
)


def close_run(
    connection: sa.Connection,
    run_id: str,
    status: RunStatus,
    *,
    caller: Caller,
    at: datetime,
    error: str | None,
    prepared: StateChanges | None,
) -> None:
    """Set a run's final status, skip its unfinished artifacts, refresh findings and queue its notifications.

    `prepared` is what `prepare_refresh` computed before the transaction.

    The event is appended last: nothing of the run may be written after it.
    """
    reason = _SKIP_REASONS.get(status, SkipReason.INTERRUPTED).value
    connection.execute(_SKIP_UNFINISHED, {"closed_run": run_id, "skip_reason": reason, "ended_at": at})
    connection.execute(_CLOSE_RUN, {"closed_run": run_id, "status": status.value, "ended_at": at, "error": error})
    refresh_after_closing(connection, run_id, prepared)
    close_attempt(connection, run_id, status.value, at=at, error=error)
    queue_notifications(connection, run_id, status, at=at)
    prune_at_run_end(connection, run_id, status, at=at, actor=str(caller))
    run_events.closed(connection, run_id, actor=str(caller), at=at)


def open_attempt(connection: sa.Connection, run_id: str, epoch: int, *, worker: str, at: datetime) -> None:
    """Record that a worker starts an attempt at the run under `epoch`."""
    connection.execute(
        sa.insert(run_attempts), {"run_id": run_id, "epoch": epoch, "worker_id": worker, "started_at": at}
    )


def set_attempt_worker(connection: sa.Connection, run_id: str, epoch: int, *, worker: str) -> None:
    """Record which process executes an attempt that another process has claimed."""
    attempt = (run_attempts.c.run_id == run_id, run_attempts.c.epoch == epoch)
    connection.execute(sa.update(run_attempts).where(*attempt), {"worker_id": worker})


def close_attempt(connection: sa.Connection, run_id: str, outcome: str, *, at: datetime, error: str | None) -> None:
    """Record the outcome of the run's open attempt."""
    connection.execute(_CLOSE_ATTEMPT, {"closed_run": run_id, "outcome": outcome, "ended_at": at, "error": error})
