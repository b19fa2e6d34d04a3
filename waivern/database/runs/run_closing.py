"""How a run's row, its attempt and its artifacts are written when it ends or changes hands, whoever writes them."""

from datetime import datetime

import sqlalchemy as sa

from waivern.database.events import run_events
from waivern.database.retention.retention_rules import prune_at_run_end
from waivern.database.runs.outbox import queue_notices
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, run_attempts, runs
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason

_NOT_MADE_BECAUSE = {RunStatus.TIMED_OUT: SkipReason.TIMEOUT, RunStatus.CANCELLED: SkipReason.CANCELLED}
_UNFINISHED = (
    sa.update(artifacts)
    .where(
        artifacts.c.run_number == run_number_of(sa.bindparam("of_run")),
        artifacts.c.status.in_((ArtifactStatus.PENDING.value, ArtifactStatus.RUNNING.value)),
    )
    .values(status=ArtifactStatus.SKIPPED.value)
)
_END = sa.update(runs).where(runs.c.id == sa.bindparam("of_run")).values(lease_until=None)
_ATTEMPT = sa.update(run_attempts).where(
    run_attempts.c.run_id == sa.bindparam("of_run"), run_attempts.c.ended_at.is_(None)
)


def write_end(
    connection: sa.Connection, run_id: str, status: RunStatus, *, actor: str, at: datetime, error: str | None
) -> None:
    """Write down that the run has ended, that what has not ended of it was not made, and whom that is to be told.

    The event of it comes last: nothing of the run may be written after it.
    """
    reason = _NOT_MADE_BECAUSE.get(status, SkipReason.INTERRUPTED).value
    connection.execute(_UNFINISHED, {"of_run": run_id, "skip_reason": reason, "ended_at": at})
    connection.execute(_END, {"of_run": run_id, "status": status.value, "ended_at": at, "error": error})
    write_end_of_attempt(connection, run_id, status.value, at=at, error=error)
    queue_notices(connection, run_id, status, at=at)
    prune_at_run_end(connection, run_id, status, at=at, actor=actor)
    run_events.closed(connection, run_id, actor=actor, at=at)


def begin_attempt(connection: sa.Connection, run_id: str, epoch: int, *, worker: str, at: datetime) -> None:
    """Write down that a worker begins, or goes on with, the run under `epoch`."""
    connection.execute(
        sa.insert(run_attempts), {"run_id": run_id, "epoch": epoch, "worker_id": worker, "started_at": at}
    )


def begin_work(connection: sa.Connection, run_id: str, epoch: int, *, worker: str) -> None:
    """Write down which process does the work of an attempt that another one claimed."""
    attempt = (run_attempts.c.run_id == run_id, run_attempts.c.epoch == epoch)
    connection.execute(sa.update(run_attempts).where(*attempt), {"worker_id": worker})


def write_end_of_attempt(
    connection: sa.Connection, run_id: str, outcome: str, *, at: datetime, error: str | None
) -> None:
    """Write down how the attempt that has not ended did so."""
    connection.execute(_ATTEMPT, {"of_run": run_id, "outcome": outcome, "ended_at": at, "error": error})
