"""Records of runs and artifacts, made from rows of the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.leases import is_stale
from waivern.history.run_records import (
    ArtifactCounts,
    ArtifactRecord,
    AttemptRecord,
    FailedAttemptRecord,
    RunRecord,
    Worker,
)
from waivern.messages.overview import Overview
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason


def run_record(row: Any, counts: Mapping[str, int], *, now: datetime) -> RunRecord:
    """Return the record of a run; `counts` is {artifact status: number of artifacts}."""
    return RunRecord(
        id=row.id,
        runbook=row.runbook_name,
        runbook_digest=row.runbook_digest,
        status=_status(row, now),
        trigger=row.trigger,
        schedule=row.schedule_name,
        due_at=row.due_at,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        epoch=row.epoch,
        worker=None if row.worker_id is None else _worker(row.worker_id),
        error=row.error,
        artifacts=ArtifactCounts(
            total=sum(counts.values()),
            succeeded=counts.get(ArtifactStatus.SUCCEEDED, 0),
            failed=counts.get(ArtifactStatus.FAILED, 0),
            skipped=counts.get(ArtifactStatus.SKIPPED, 0),
        ),
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        priority=row.priority,
        lease_until=row.lease_until,
        deadline=row.deadline,
        reanalysis_of=row.reanalysis_of,
        restored=row.restored,
    )


def artifact_record(row: Any) -> ArtifactRecord:
    """Return the record of an artifact."""
    return ArtifactRecord(
        artifact_id=row.artifact_id,
        kind=row.kind,
        component=row.component,
        status=ArtifactStatus(row.status),
        epoch=row.epoch,
        schema=row.schema,
        inputs=tuple(row.inputs or ()),
        aliases=tuple(row.aliases or ()),
        started_at=row.started_at,
        ended_at=row.ended_at,
        skip_reason=None if row.skip_reason is None else SkipReason(row.skip_reason),
        skipped_because=row.skipped_because,
        error=row.error,
        output=row.output,
        optional=row.optional,
        digest=row.digest,
        size=row.size,
        overview=Overview.from_json(row.overview),
        retain=row.retain,
        pruned_at=row.pruned_at,
        pruned_because=row.pruned_because,
    )


def attempt_record(row: Any, number: int) -> AttemptRecord:
    """Return the record of the `number`-th attempt at a run."""
    return AttemptRecord(number, _worker(row.worker_id), row.started_at, row.ended_at, row.outcome, row.error)


def failed_attempt_record(row: Any) -> FailedAttemptRecord:
    """Return the record of a failed attempt at an artifact."""
    return FailedAttemptRecord(row.artifact_id, row.epoch, row.attempt, row.started_at, row.ended_at, row.error)


def is_interrupted(row: Any, now: datetime) -> bool:
    """Return whether a row says `running` of a run that a person started and whose process is gone.

    A service closes it as interrupted as soon as it notices, and requeues its own stale runs.
    """
    if row.status != RunStatus.RUNNING or row.runbook_path is not None:
        return False
    return is_stale(owner=row.worker_id, lease_until=row.lease_until, now=now)


def _status(row: Any, now: datetime) -> RunStatus:
    return RunStatus.INTERRUPTED if is_interrupted(row, now) else RunStatus(row.status)


def _worker(owner: str) -> Worker:
    parsed = ProcessIdentity.parse(owner)
    return Worker(parsed.host, parsed.pid)
