"""JSON: the whole report as one object, with the keys listed in `docs/exports.md`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from waivern import __version__
from waivern.exports.encoding.json_encoding import encode_json, in_chunks, json_array
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report, ReportedRule
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.formats.records_as_json import artifact_as_json, finding_as_json, instant_as_json, run_as_json
from waivern.history.comparison import Change, Difference
from waivern.history.decisions import Decision


class JsonExporter(Exporter):
    """The keys are stable: new ones are added at the end, none is renamed or removed."""

    extensions = ("json",)

    @classmethod
    def get_name(cls) -> str:
        return "json"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/json"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(_pieces(report))


def _pieces(report: Report) -> Iterator[bytes]:
    yield encode_json(_header(report))[:-1]
    yield b',"findings":'
    yield from json_array(full_finding_as_json(reported) for reported in report.findings)
    yield b"}\n"


def _header(report: Report) -> Mapping[str, Any]:
    return {
        "format": "waivern-report/1",
        "waivern": __version__,
        "run": run_as_json(report.run),
        "description": report.description,
        "contact": report.contact,
        "framework": report.framework,
        "complete": report.is_complete,
        "incomplete_reason": report.incomplete_reason,
        "artifacts": [artifact_as_json(artifact) for artifact in report.artifacts],
        "rules": [_rule(rule) for rule in report.rules],
        "not_scanned": [asdict(gap) for gap in report.not_scanned],
        "partially_scanned": [asdict(gap) for gap in report.partially_scanned],
        "without_evidence": list(report.without_evidence),
        "comparison": _comparison(report),
    }


def _rule(rule: ReportedRule) -> Mapping[str, Any]:
    return {**asdict(rule), "dpv": rule.dpv}


def _comparison(report: Report) -> Mapping[str, Any] | None:
    comparison = report.comparison
    if comparison is None:
        return None
    return {
        "base": run_as_json(comparison.base),
        "summary": comparison.counts(),
        "fixed": [missing_finding_as_json(difference) for difference in report.no_longer_found(Change.FIXED)],
        "unknown": [missing_finding_as_json(difference) for difference in report.no_longer_found(Change.UNKNOWN)],
    }


def missing_finding_as_json(difference: Difference) -> Mapping[str, Any]:
    """Return a finding of the previous run that this run does not have, with the reason."""
    return {
        **finding_as_json(difference.finding),
        "change_reason": None if difference.reason is None else difference.reason.value,
        "change_detail": difference.because,
    }


def full_finding_as_json(reported: ReportedFinding) -> dict[str, Any]:
    """Return everything reported about a finding as a JSON object; `evidence` is null if it was pruned."""
    location, evidence = reported.location, reported.evidence
    return {
        **finding_as_json(reported.finding),
        "file_path": location.file_path,
        "table": location.table,
        "column": location.column,
        "lines": list(location.lines),
        "evidence": None
        if evidence is None
        else [{"content": sample.content, "line": sample.line} for sample in evidence],
        "reasons": list(reported.reasons),
        "ruleset": reported.ruleset,
        "artifacts": list(reported.artifact_ids),
        "change": None if reported.change is None else reported.change.value,
        "change_reason": None if reported.reason is None else reported.reason.value,
        "change_detail": reported.detail,
        "decision": None if reported.decision is None else _decision(reported.decision),
    }


def _decision(decision: Decision) -> Mapping[str, Any]:
    return {
        "verdict": decision.verdict.value,
        "reason": decision.reason,
        "owner": decision.owner,
        "until": None if decision.until is None else decision.until.isoformat(),
        "decided_at": instant_as_json(decision.decided_at),
        "decided_by": decision.decided_by,
    }
