"""What was not looked at, as SARIF notifications of the invocation."""

from collections.abc import Iterator, Mapping
from typing import Any

from waivern.exports.model.report import Report
from waivern.history.comparison import Change
from waivern.history.run_history import ArtifactRecord

NOTIFICATIONS = [
    {"id": "run-incomplete", "shortDescription": {"text": "The run did not end well"}},
    {"id": "artifact-not-made", "shortDescription": {"text": "An artifact failed, or was skipped"}},
    {"id": "not-scanned", "shortDescription": {"text": "Something was not looked at"}},
    {"id": "sampled", "shortDescription": {"text": "Something was looked at in part"}},
    {"id": "not-looked-at-again", "shortDescription": {"text": "An earlier finding could not be looked at again"}},
    {"id": "evidence-pruned", "shortDescription": {"text": "The evidence of an artifact's findings was pruned"}},
]


def notifications(report: Report) -> list[Mapping[str, Any]]:
    """Return a notification for all that the results do not tell, the gravest first."""
    return [_notification(*each) for each in _told(report)]


def _told(report: Report) -> Iterator[tuple[str, str, str]]:
    if report.incomplete_reason is not None:
        yield "run-incomplete", "error", report.incomplete_reason
    for artifact in report.not_made:
        yield "artifact-not-made", "warning" if report.is_complete else "error", _not_made(artifact)
    for each in report.left_out:
        yield "not-scanned", "warning", f"{each.what}: {each.why} ({each.artifact_id})"
    for part in report.in_part:
        bound = f"; {part.bound}" if part.bound else ""
        yield "sampled", "warning", f"{part.what}: read {part.read:,} of {part.of:,} ({part.artifact_id}){bound}"
    for difference in report.gone(Change.UNKNOWN):
        finding = difference.finding
        told = f"{finding.rule} at {finding.location or finding.source} ({finding.fingerprint})"
        yield "not-looked-at-again", "warning", f"{told}: {difference.because}"
    for artifact_id in report.without_evidence:
        yield "evidence-pruned", "note", f"What '{artifact_id}' held was pruned: its findings are told without evidence"


def _notification(identifier: str, level: str, text: str) -> Mapping[str, Any]:
    return {"descriptor": {"id": identifier}, "level": level, "message": {"text": text}}


def _not_made(artifact: ArtifactRecord) -> str:
    if artifact.error is not None:
        return f"'{artifact.artifact_id}' failed: {artifact.error}"
    reason = artifact.skip_reason.value.replace("_", " ") if artifact.skip_reason is not None else "not reached"
    because = f" ('{artifact.skipped_because}' failed)" if artifact.skipped_because else ""
    return f"'{artifact.artifact_id}' was {artifact.status.value}: {reason}{because}"
