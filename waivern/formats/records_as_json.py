"""Runs, artifacts, findings and decisions as JSON objects, the same for the command line, exports and notifications.

Scripts rely on these objects: keys are only ever added, at the end. Instants are ISO 8601 in UTC with microseconds and
a `Z`, so that they sort as text; durations are seconds.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from waivern.history.decisions import Decision
from waivern.history.finding import Finding
from waivern.history.run_records import (
    ArtifactCounts,
    ArtifactRecord,
    AttemptRecord,
    FailedAttemptRecord,
    RunDetails,
    RunRecord,
    Worker,
)


def run_as_json(run: RunRecord) -> dict[str, Any]:
    """Return a run as in a list; `artifacts` holds counts."""
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
        "restored": run.restored,
    }


def run_details_as_json(details: RunDetails) -> dict[str, Any]:
    """Return a run with everything about it: `artifacts` lists its artifacts, `artifact_counts` counts them."""
    run = run_as_json(details.run)
    return {
        **run,
        "artifacts": [artifact_as_json(artifact) for artifact in details.artifacts],
        "artifact_counts": run["artifacts"],
        "run_attempts": [attempt_as_json(attempt) for attempt in details.attempts],
        "failed_attempts": [failed_attempt_as_json(attempt) for attempt in details.failed_attempts],
        "gates": gates_as_json(details.gates),
    }


def gates_as_json(gates: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the number of violations of each gate of a run; 0 means that the gate passed."""
    return [{"gate": gate, "violations": violations} for gate, violations in gates.items()]


def artifact_as_json(artifact: ArtifactRecord) -> dict[str, Any]:
    """Return an artifact without its message; `overview` holds the counts of the message, or null."""
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
    """Return a finding without its evidence, which is in the artifact."""
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


def decision_as_json(decision: Decision) -> dict[str, Any]:
    """Return a decision."""
    return {
        "verdict": decision.verdict.value,
        "fingerprint": decision.fingerprint,
        "rule": decision.rule,
        "location": decision.location,
        "reason": decision.reason,
        "owner": decision.owner,
        "until": None if decision.until is None else decision.until.isoformat(),
        "origin": decision.origin.value,
        "runbook": decision.runbook,
        "decided_at": instant_as_json(decision.decided_at),
        "decided_by": decision.decided_by,
    }


def instant_as_json(instant: datetime | None) -> str | None:
    """Return "2026-11-23T12:00:00.000000Z" for an aware instant."""
    if instant is None:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _retention(retain: str | None) -> str | float | None:
    """Return a keyword, or seconds after the end of the run."""
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
    """Return a failed attempt at an artifact."""
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
