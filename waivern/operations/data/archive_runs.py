"""Move runs between databases in an archive."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from waivern.caller import Caller
from waivern.errors import UsageError
from waivern.history.archives import ArchivedRuns, RestoredRuns, RestoreOptions
from waivern.history.decisions import Decision
from waivern.operations.application import Application


def archive_runs(application: Application, runs: Sequence[str], path: Path, *, caller: Caller) -> ArchivedRuns:
    """Write runs to an archive.

    Args:
        application: The application.
        runs: Ids of runs, unambiguous prefixes of them, or "latest".
        path: The file to create.
        caller: Who asks for it.

    Raises:
        RunError: a run does not exist, or is still queued or running.
        UsageError: the file exists already, or cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path} exists already", remedy="Choose another file, or move it away")
    storage = application.storage
    return storage.audit.archive([storage.history.find(run).id for run in runs], path, caller=caller)


def restore_runs(application: Application, path: Path, options: RestoreOptions, *, caller: Caller) -> RestoredRuns:
    """Restore all runs of an archive, or none of them; raises as `AuditLog.restore`."""
    return application.storage.audit.restore(path, options, caller=caller)


def archived_as_json(archived: ArchivedRuns, path: Path) -> Mapping[str, Any]:
    """Return what was archived as a JSON object."""
    return {
        "file": str(path),
        "runs": list(archived.runs),
        "contents": archived.contents,
        "events": archived.events,
        "sha256": archived.sha256,
        "recorded": archived.is_recorded,
    }


def restored_as_json(restored: RestoredRuns) -> Mapping[str, Any]:
    """Return what was restored as a JSON object."""
    return {
        "runs": list(restored.runs),
        "already_present": list(restored.already_present),
        "unproven": list(restored.unproven),
        "contents": restored.contents,
        "erased_contents": restored.erased_contents,
        "events": restored.events,
        "decisions": [_decision_as_json(decision) for decision in restored.decisions],
        "decisions_restored": restored.decisions_restored,
        "conflicting_decisions": restored.conflicting_decisions,
    }


def _decision_as_json(decision: Decision) -> Mapping[str, Any]:
    return {
        "verdict": decision.verdict.value,
        "fingerprint": decision.fingerprint,
        "rule": decision.rule,
        "location": decision.location,
        "runbook": decision.runbook,
        "reason": decision.reason,
        "owner": decision.owner,
        "until": None if decision.until is None else decision.until.isoformat(),
        "decided_by": decision.decided_by,
    }
