"""OCSF: each finding as a Data Security Finding (class 2006), a line of JSON each, for SIEMs and data lakes."""

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
    """What came is created, what stayed or changed is updated, what is fixed is closed."""

    endings = ("jsonl", "ndjson", "json")

    @classmethod
    def get_name(cls) -> str:
        return "ocsf"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/x-ndjson"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(json_lines(_events(report)))


def _events(report: Report) -> Iterator[Mapping[str, Any]]:
    """An empty run has an event too, else its export would be an empty file, which reads as a fault."""
    rules = {rule.id: rule for rule in report.rules}
    by_name = {rule.name: rule for rule in reversed(report.rules)}
    for reported in report.findings:
        name = reported.finding.rule
        rule = rules.get(rule_id(reported.ruleset, name)) or by_name.get(name)
        yield _present(report, reported, rule)
    for difference in report.gone(Change.FIXED):
        yield _closed(report, difference, by_name.get(difference.finding.rule))
    yield _about_the_run(report)


def _present(report: Report, reported: ReportedFinding, rule: ReportedRule | None) -> Mapping[str, Any]:
    seen_before = reported.change in (Change.UNCHANGED, Change.CHANGED)
    suppressed = reported.decision is not None and reported.decision.verdict is Verdict.SUPPRESSED
    event = _event(report, reported.finding, _UPDATE if seen_before else _CREATE, _SUPPRESSED if suppressed else _NEW)
    event["is_alert"] = reported.change in (Change.NEW, Change.REOPENED) and not suppressed
    event["finding_info"] = _info(report, reported.finding, rule)
    event["data_security"] = _data_security(reported.finding, rule)
    event["resources"] = [_resource(reported.finding)]
    event.update(_place(reported.finding, reported.location))
    if reported.decision is not None:
        event["comment"] = f"{reported.decision.verdict.value} by {reported.decision.owner}: {reported.decision.reason}"
    event["unmapped"] = drop_empty(
        evidence=[each.content for each in reported.evidence or ()],
        evidence_pruned=reported.evidence is None or None,
        lines=list(reported.location.lines),
        match_count=reported.finding.match_count,
        change=None if reported.change is None else reported.change.value,
        special_category=reported.finding.special_category,
    )
    return event


def _closed(report: Report, difference: Difference, rule: ReportedRule | None) -> Mapping[str, Any]:
    event = _event(report, difference.finding, _CLOSE, _RESOLVED)
    event["is_alert"] = False
    event["finding_info"] = _info(report, difference.finding, rule)
    event["resources"] = [_resource(difference.finding)]
    return event


def _about_the_run(report: Report) -> Mapping[str, Any]:
    """What was not looked at belongs beside what was found: an event of its own, which is no alert."""
    left_out = [f"{each.what}: {each.why}" for each in report.left_out]
    in_part = [f"{each.what}: read {each.read:,} of {each.of:,}" for each in report.in_part]
    unknown = [each.finding.fingerprint for each in report.gone(Change.UNKNOWN)]
    not_made = [each.artifact_id for each in report.not_made]
    said = report.incomplete_reason or "The run is complete"
    return {
        **_base(report, _CREATE, (1, "Informational"), (99, "Other")),
        "message": f"{said}. Not looked at: {len(left_out)}, in part: {len(in_part)}",
        "is_alert": False,
        "finding_info": {
            "uid": report.run.id,
            "title": f"What run {report.run.id} did not look at",
            "types": ["coverage"],
            "created_time": _milliseconds(report.run.created_at),
        },
        "unmapped": drop_empty(not_scanned=left_out, sampled=in_part, unknown=unknown, artifacts_not_made=not_made),
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
    said = "" if rule is None else " ".join(part for part in (rule.description, f"Source: {rule.source}") if part)
    return drop_empty(
        uid=finding.fingerprint,
        title=f"{finding.rule.replace('_', ' ').capitalize()} in {finding.location or finding.source}",
        desc=said,
        types=[finding.category],
        created_time=_milliseconds(report.run.created_at),
        analytic=None if rule is None else {"type_id": 1, "type": "Rule", "name": rule.name, "uid": rule.id},
        data_sources=[finding.source],
    )


def _data_security(finding: Finding, rule: ReportedRule | None) -> Mapping[str, Any]:
    """How it was detected (data_security.detection_pattern in OCSF), not what the data is worth."""
    return drop_empty(
        category_id=99,
        category=finding.category,
        detection_system_id=99,
        detection_system="Waivern",
        pattern_match=finding.rule,
        policy=None if rule is None else {"name": rule.ruleset, "version": rule.rules_version or ""},
    )


def _place(finding: Finding, location: Location) -> Mapping[str, Any]:
    told: dict[str, Any] = {}
    if location.file_path is not None:
        name = location.file_path.rsplit("/", 1)[-1]
        told["file"] = {"name": name or location.file_path, "path": location.file_path, "type_id": 1}
    if location.table is not None:
        told["table"] = {"name": location.table, "uid": f"{finding.source}/{location.table}"}
    return told


def _resource(finding: Finding) -> Mapping[str, Any]:
    return {"uid": f"{finding.source}/{finding.location}", "name": finding.location or finding.source, "type": "data"}


def _confidence(confidence: float) -> tuple[int, str]:
    """OCSF knows three degrees and no numbers between them: thirds."""
    return (3, "High") if confidence >= 2 / 3 else (2, "Medium") if confidence >= 1 / 3 else (1, "Low")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
