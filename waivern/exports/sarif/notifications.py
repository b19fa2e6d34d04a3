"""Coverage gaps as SARIF notifications of the invocation."""

from collections.abc import Iterator, Mapping
from typing import Any

from waivern.exports.encoding.formatting import humanize
from waivern.exports.model.report import Report
from waivern.history.comparison import Change
from waivern.history.run_records import ArtifactRecord

NOTIFICATIONS = [
    {"id": "run-incomplete", "shortDescription": {"text": "The run is incomplete"}},
    {"id": "artifact-not-produced", "shortDescription": {"text": "An artifact failed or was skipped"}},
    {"id": "not-scanned", "shortDescription": {"text": "Something was not scanned"}},
    {"id": "partially-scanned", "shortDescription": {"text": "Something was only partially scanned"}},
    {
        "id": "not-scanned-again",
        "shortDescription": {"text": "The location of a previous finding was not scanned again"},
    },
    {
        "id": "evidence-pruned",
        "shortDescription": {"text": "The content of an artifact was pruned, so its findings have no evidence"},
    },
]


def notifications(report: Report) -> list[Mapping[str, Any]]:
    """Return a notification for each thing that the results cannot express, the most severe first."""
    return [_notification(identifier, level, text) for identifier, level, text in _gaps(report)]


def _gaps(report: Report) -> Iterator[tuple[str, str, str]]:
    if report.incomplete_reason is not None:
        yield "run-incomplete", "error", report.incomplete_reason
    for artifact in report.not_produced:
        yield "artifact-not-produced", "warning" if report.is_complete else "error", _artifact_text(artifact)
    for gap in report.not_scanned:
        yield "not-scanned", "warning", f"{gap.name}: {gap.reason} ({gap.artifact_id})"
    for part in report.partially_scanned:
        bound = f"; {part.bound}" if part.bound else ""
        yield "partially-scanned", "warning", f"{part.name}: {part.extent} ({part.artifact_id}){bound}"
    for difference in report.no_longer_found(Change.UNKNOWN):
        finding = difference.finding
        text = f"{finding.rule} at {finding.location or finding.source} ({finding.fingerprint})"
        yield "not-scanned-again", "warning", f"{text}: {difference.because}"
    for artifact_id in report.without_evidence:
        yield "evidence-pruned", "note", f"The content of '{artifact_id}' was pruned: its findings have no evidence"


def _notification(identifier: str, level: str, text: str) -> Mapping[str, Any]:
    return {"descriptor": {"id": identifier}, "level": level, "message": {"text": text}}


def _artifact_text(artifact: ArtifactRecord) -> str:
    if artifact.error is not None:
        return f"'{artifact.artifact_id}' failed: {artifact.error}"
    reason = humanize(artifact.skip_reason.value) if artifact.skip_reason is not None else "not reached"
    because = f" ('{artifact.skipped_because}' failed)" if artifact.skipped_because else ""
    return f"'{artifact.artifact_id}' was {artifact.status.value}: {reason}{because}"
