"""OCSF: each finding as a Data Security Finding (class 2006), one line of JSON each, for SIEMs and data lakes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from waivern import __version__
from waivern.exports.encoding.json_encoding import drop_empty, in_chunks, json_lines
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report, ReportedRule, rule_id
from waivern.exports.model.reported_finding import Location, ReportedFinding
from waivern.history.comparison import Change, Difference
from waivern.history.decisions import Verdict
from waivern.history.finding import Finding

_VERSION = "1.5.0"
_CLASS = 2006
_SEVERITIES = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")
_NEW, _SUPPRESSED, _RESOLVED = (1, "New"), (3, "Suppressed"), (4, "Resolved")


class OcsfExporter(Exporter):
    """New findings are `Create`, unchanged and changed ones `Update`, fixed ones `Close`."""

    extensions = ("jsonl", "ndjson", "json")

    @classmethod
    def get_name(cls) -> str:
        return "ocsf"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/x-ndjson"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(json_lines(_events(report)))


def _events(report: Report) -> Iterator[Mapping[str, Any]]:
    # The event of the run makes sure that the file is never empty, which would look like a failed export.
    rules = {rule.id: rule for rule in report.rules}
    by_name = {rule.name: rule for rule in reversed(report.rules)}
    for reported in report.findings:
        name = reported.finding.rule
        rule = rules.get(rule_id(reported.ruleset, name)) or by_name.get(name)
        yield _present_finding(report, reported, rule)
    for difference in report.no_longer_found(Change.FIXED):
        yield _fixed_finding(report, difference, by_name.get(difference.finding.rule))
    yield _run_event(report)


def _present_finding(report: Report, reported: ReportedFinding, rule: ReportedRule | None) -> Mapping[str, Any]:
    seen_before = reported.change in (Change.UNCHANGED, Change.CHANGED)
    suppressed = reported.decision is not None and reported.decision.verdict is Verdict.SUPPRESSED
    event = _event(report, reported.finding, _UPDATE if seen_before else _CREATE, _SUPPRESSED if suppressed else _NEW)
    event["is_alert"] = reported.change in (Change.NEW, Change.REOPENED) and not suppressed
    event["finding_info"] = _info(report, reported.finding, rule)
    event["data_security"] = _data_security(reported.finding, rule)
    event["resources"] = [_resource(reported.finding)]
    event.update(_file_or_table(reported.finding, reported.location))
    if reported.decision is not None:
        event["comment"] = f"{reported.decision.verdict.value} by {reported.decision.owner}: {reported.decision.reason}"
    event["unmapped"] = drop_empty(
        evidence=[evidence.content for evidence in reported.evidence or ()],
        evidence_pruned=reported.evidence is None or None,
        lines=list(reported.location.lines),
        match_count=reported.finding.match_count,
        change=None if reported.change is None else reported.change.value,
        special_category=reported.finding.special_category,
    )
    return event


def _fixed_finding(report: Report, difference: Difference, rule: ReportedRule | None) -> Mapping[str, Any]:
    event = _event(report, difference.finding, _CLOSE, _RESOLVED)
    event["is_alert"] = False
    event["finding_info"] = _info(report, difference.finding, rule)
    event["resources"] = [_resource(difference.finding)]
    return event


def _run_event(report: Report) -> Mapping[str, Any]:
    """Return an event, not an alert, that lists what was not scanned."""
    not_scanned = [f"{gap.name}: {gap.reason}" for gap in report.not_scanned]
    partially_scanned = [f"{gap.name}: {gap.extent}" for gap in report.partially_scanned]
    unknown = [difference.finding.fingerprint for difference in report.no_longer_found(Change.UNKNOWN)]
    not_produced = [artifact.artifact_id for artifact in report.not_produced]
    outcome = report.incomplete_reason or "The run is complete"
    return {
        **_base(report, _CREATE, (1, "Informational"), (99, "Other")),
        "message": f"{outcome}. Not scanned: {len(not_scanned)}. Partially scanned: {len(partially_scanned)}",
        "is_alert": False,
        "finding_info": {
            "uid": report.run.id,
            "title": f"Coverage of run {report.run.id}",
            "types": ["coverage"],
            "created_time": _milliseconds(report.run.created_at),
        },
        "unmapped": drop_empty(
            not_scanned=not_scanned,
            partially_scanned=partially_scanned,
            unknown=unknown,
            artifacts_not_produced=not_produced,
        ),
    }


def _event(report: Report, finding: Finding, activity: tuple[int, str], status: tuple[int, str]) -> dict[str, Any]:
    event = _base(report, activity, _SEVERITIES.get(finding.severity, (99, "Other")), status)
    where = finding.location or finding.source
    event["message"] = f"{finding.rule.replace('_', ' ').capitalize()} in {where}"
    event["confidence_score"] = round(finding.confidence * 100)
    event["confidence_id"], event["confidence"] = _confidence(finding.confidence)
    return event


def _base(
    report: Report, activity: tuple[int, str], severity: tuple[int, str], status: tuple[int, str]
) -> dict[str, Any]:
    ended = report.run.ended_at or report.run.created_at
    return {
        "class_uid": _CLASS,
        "class_name": "Data Security Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": activity[0],
        "activity_name": activity[1],
        "type_uid": _CLASS * 100 + activity[0],
        "type_name": f"Data Security Finding: {activity[1]}",
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": status[0],
        "status": status[1],
        "time": _milliseconds(ended),
        "metadata": {
            "version": _VERSION,
            "product": {"name": "Waivern", "vendor_name": "Waivern", "version": __version__},
            "log_name": report.run.runbook,
            "correlation_uid": report.run.id,
        },
    }


def _info(report: Report, finding: Finding, rule: ReportedRule | None) -> Mapping[str, Any]:
    description = (
        "" if rule is None else " ".join(part for part in (rule.description, f"Source: {rule.source}") if part)
    )
    return drop_empty(
        uid=finding.fingerprint,
        title=f"{finding.rule.replace('_', ' ').capitalize()} in {finding.location or finding.source}",
        desc=description,
        types=[finding.category],
        created_time=_milliseconds(report.run.created_at),
        analytic=None if rule is None else {"type_id": 1, "type": "Rule", "name": rule.name, "uid": rule.id},
        data_sources=[finding.source],
    )


def _data_security(finding: Finding, rule: ReportedRule | None) -> Mapping[str, Any]:
    """Return how the finding was detected (`data_security` in OCSF)."""
    return drop_empty(
        category_id=99,
        category=finding.category,
        detection_system_id=99,
        detection_system="Waivern",
        pattern_match=finding.rule,
        policy=None if rule is None else {"name": rule.ruleset, "version": rule.rules_version or ""},
    )


def _file_or_table(finding: Finding, location: Location) -> Mapping[str, Any]:
    fields: dict[str, Any] = {}
    if location.file_path is not None:
        name = location.file_path.rsplit("/", 1)[-1]
        fields["file"] = {"name": name or location.file_path, "path": location.file_path, "type_id": 1}
    if location.table is not None:
        fields["table"] = {"name": location.table, "uid": f"{finding.source}/{location.table}"}
    return fields


def _resource(finding: Finding) -> Mapping[str, Any]:
    return {"uid": f"{finding.source}/{finding.location}", "name": finding.location or finding.source, "type": "data"}


def _confidence(confidence: float) -> tuple[int, str]:
    """Return the confidence as one of OCSF's three levels, each a third of the range."""
    return (3, "High") if confidence >= 2 / 3 else (2, "Medium") if confidence >= 1 / 3 else (1, "Low")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
