"""Runs, artifacts and findings as JSON objects: an interface that scripts rely on, the same from every door.

Keys are only ever added, at the end. Instants are ISO 8601 in UTC with six digits of a second and a `Z`, so that they
sort as text; durations are seconds.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from waivern.history.finding import Finding
from waivern.history.run_history import (
    ArtifactCounts,
    ArtifactRecord,
    AttemptRecord,
    FailedAttemptRecord,
    RunRecord,
    Worker,
)


def run_as_json(run: RunRecord) -> dict[str, Any]:
    """Return a run as lists show it; `artifacts` holds numbers."""
    return {
        "id": run.id,
        "runbook": run.runbook,
        "status": run.status.value,
        "trigger": run.trigger,
        "schedule": run.schedule,
        "due_at": instant_as_json(run.due_at),
        "created_at": instant_as_json(run.created_at),
        "started_at": instant_as_json(run.started_at),
        "ended_at": instant_as_json(run.ended_at),
        "duration_seconds": run.duration_seconds,
        "artifacts": _counts(run.artifacts),
        "error": run.error,
        "runbook_digest": run.runbook_digest,
        "epoch": run.epoch,
        "attempts": run.attempts,
        "max_attempts": run.max_attempts,
        "priority": run.priority,
        "lateness_seconds": run.lateness_seconds,
        "deadline": instant_as_json(run.deadline),
        "worker": None if run.worker is None else _worker(run.worker),
        "reanalysis_of": run.reanalysis_of,
    }


def artifact_as_json(artifact: ArtifactRecord) -> dict[str, Any]:
    """Return an artifact without its message; `overview` holds the message's numbers, or null."""
    return {
        "artifact_id": artifact.artifact_id,
        "status": artifact.status.value,
        "component": artifact.component,
        "schema": artifact.schema,
        "started_at": instant_as_json(artifact.started_at),
        "ended_at": instant_as_json(artifact.ended_at),
        "duration_seconds": artifact.duration_seconds,
        "skip_reason": artifact.skip_reason.value if artifact.skip_reason is not None else None,
        "skipped_because": artifact.skipped_because,
        "error": artifact.error,
        "output": artifact.output,
        "optional": artifact.optional,
        "digest": artifact.digest,
        "size": artifact.size,
        "kind": artifact.kind,
        "inputs": list(artifact.inputs),
        "aliases": list(artifact.aliases),
        "overview": artifact.overview.as_json() if artifact.overview is not None else None,
        "retain": _retention(artifact.retain),
        "pruned_at": instant_as_json(artifact.pruned_at),
        "pruned_because": artifact.pruned_because,
    }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """Return what history remembers of a finding; its evidence stands in the artifact."""
    return {
        "fingerprint": finding.fingerprint,
        "rule": finding.rule,
        "category": finding.category,
        "severity": finding.severity,
        "special_category": finding.special_category,
        "source": finding.source,
        "location": finding.location,
        "confidence": finding.confidence,
        "match_count": finding.match_count,
    }


def instant_as_json(instant: datetime | None) -> str | None:
    """Return "2026-11-23T12:00:00.000000Z" for an aware instant."""
    if instant is None:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _retention(retain: str | None) -> str | float | None:
    """A word, or seconds after the run's end."""
    try:
        return None if retain is None else float(retain)
    except ValueError:
        return retain


def _worker(worker: Worker) -> Mapping[str, Any]:
    return {"host": worker.host, "pid": worker.pid}


def attempt_as_json(attempt: AttemptRecord) -> dict[str, Any]:
    """Return one attempt at a run."""
    return {
        "number": attempt.number,
        "worker": _worker(attempt.worker),
        "started_at": instant_as_json(attempt.started_at),
        "ended_at": instant_as_json(attempt.ended_at),
        "outcome": attempt.outcome,
        "error": attempt.error,
    }


def failed_attempt_as_json(attempt: FailedAttemptRecord) -> dict[str, Any]:
    """Return an attempt at an artifact that failed."""
    return {
        "artifact_id": attempt.artifact_id,
        "epoch": attempt.epoch,
        "attempt": attempt.attempt,
        "started_at": instant_as_json(attempt.started_at),
        "ended_at": instant_as_json(attempt.ended_at),
        "error": attempt.error,
    }


def _counts(counts: ArtifactCounts) -> Mapping[str, int]:
    return {
        "total": counts.total,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "skipped": counts.skipped,
    }
