"""Let go of messages that need not be kept any longer."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from waivern.errors import RunError
from waivern.history.pruning import Pruned, PruneRequest
from waivern.history.run_records import RunFilter
from waivern.operations.application import Application

NIGHTLY = "prune"


def prune_messages(application: Application, request: PruneRequest, *, dry_run: bool = False) -> Pruned:
    """Prune what is due, or say what would be.

    Raises:
        RunError: no run of the runbook that was named is known.
    """
    storage = application.storage
    if request.runbook is not None and not storage.history.recent(RunFilter(runbook=request.runbook), limit=1):
        raise RunError(
            f"There is no run of a runbook named '{request.runbook}'", remedy="`waivern history` lists runs by runbook"
        )
    return storage.pruner.would_prune(request) if dry_run else storage.pruner.prune(request, actor=application.actor)


def is_night(application: Application, *, at: time, now: datetime) -> bool:
    """Say whether this service is the one that prunes, and now: of all that share a database, one does each night.

    Args:
        application: What is installed.
        at: The time of day, in UTC.
        now: The present, aware.
    """
    today = datetime.combine(now.date(), at, tzinfo=now.tzinfo)
    next_at = today if now < today else today + timedelta(days=1)
    return application.storage.pruner.claim(NIGHTLY, next_at=next_at)


def pruned_as_json(pruned: Pruned, *, dry_run: bool) -> Mapping[str, Any]:
    """Return what was pruned as a JSON object."""
    return {
        "dry_run": dry_run,
        "messages": [
            {
                "run": each.run_id,
                "runbook": each.runbook,
                "artifact_id": each.artifact_id,
                "digest": each.digest,
                "because": each.because,
            }
            for each in pruned.messages
        ],
        "contents": pruned.contents,
        "freed_bytes": pruned.freed_bytes,
        "unused_bytes": pruned.unused_bytes,
    }
