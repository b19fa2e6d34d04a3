"""Delete stored content whose retention period has expired."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from waivern.caller import Caller
from waivern.errors import RunError
from waivern.history.retention import PruneRequest, PruneResult
from waivern.history.run_records import RunFilter
from waivern.operations.application import Application

NIGHTLY_PRUNE = "prune"


def prune_contents(application: Application, request: PruneRequest, *, caller: Caller) -> PruneResult:
    """Delete the content that is due.

    Raises:
        RunError: the request names a runbook that has no runs.
    """
    _require_runs(application, request.runbook)
    return application.storage.retention.prune(request, caller=caller)


def preview_prune(application: Application, request: PruneRequest) -> PruneResult:
    """Return what `prune_contents` would do; raises as it."""
    _require_runs(application, request.runbook)
    return application.storage.retention.preview_prune(request)


def claim_nightly_prune(application: Application, *, at: time, now: datetime) -> bool:
    """Return whether this service prunes tonight: of all services of a database, the first to claim it each night.

    Args:
        application: The application.
        at: The time of day, in UTC.
        now: The current time (aware).
    """
    today = datetime.combine(now.date(), at, tzinfo=now.tzinfo)
    next_run_at = today if now < today else today + timedelta(days=1)
    return application.storage.services.claim_periodic_task(NIGHTLY_PRUNE, next_run_at=next_run_at)


def prune_result_as_json(result: PruneResult, *, dry_run: bool) -> Mapping[str, Any]:
    """Return a result as a JSON object."""
    return {
        "dry_run": dry_run,
        "artifacts": [
            {
                "run": artifact.run_id,
                "runbook": artifact.runbook,
                "artifact_id": artifact.artifact_id,
                "digest": artifact.digest,
                "reason": artifact.reason,
            }
            for artifact in result.artifacts
        ],
        "deleted_contents": result.deleted_contents,
        "freed_bytes": result.freed_bytes,
        "unused_bytes": result.unused_bytes,
    }


def _require_runs(application: Application, runbook: str | None) -> None:
    if runbook is not None and not application.storage.history.recent(RunFilter(runbook=runbook), limit=1):
        raise RunError(
            f"There is no run of a runbook named '{runbook}'", remedy="`waivern history` lists runs by runbook"
        )
