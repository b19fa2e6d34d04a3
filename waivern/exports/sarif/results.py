"""Findings as SARIF results."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from waivern.exports.encoding.json_encoding import drop_empty
from waivern.exports.model.report import Report
from waivern.exports.model.reported_finding import Location, ReportedFinding
from waivern.exports.sarif.rules import LEVELS, Rules
from waivern.history.comparison import Change, Difference
from waivern.history.decisions import Decision
from waivern.history.finding import Finding

_BASELINE_STATES = {
    Change.NEW: "new",
    Change.REOPENED: "new",
    Change.CHANGED: "updated",
    Change.UNCHANGED: "unchanged",
}


class Results:
    """The results, one by one. After iteration, `files` and `bases` hold what they refer to.

    Fixed findings are `absent` results. A finding whose location was not scanned again is not a result, because it may
    still exist; it is a notification.
    """

    def __init__(self, report: Report, rules: Rules) -> None:
        self._report = report
        self._rules = rules
        self._files: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._bases: dict[str, str] = {}

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for reported in self._report.findings:
            yield self._present(reported)
        for difference in self._report.no_longer_found(Change.FIXED):
            yield self._absent(difference)

    @property
    def files(self) -> list[Mapping[str, Any]]:
        """Return the files with findings, as SARIF artifacts."""
        return [{"location": location} for location in self._files.values()]

    @property
    def bases(self) -> Mapping[str, Any]:
        """Return the sources, to which paths are relative."""
        return {base: {"description": {"text": source}} for source, base in self._bases.items()}

    def _present(self, reported: ReportedFinding) -> Mapping[str, Any]:
        finding, location = reported.finding, reported.location
        result = self._result(finding, reported.ruleset)
        result["message"] = {"text": _message(reported)}
        first, *others = self._locations(finding, location)
        result["locations"] = [first]
        if others:
            result["relatedLocations"] = others
        if reported.change is not None:
            result["baselineState"] = _BASELINE_STATES[reported.change]
        if reported.decision is not None:
            result["suppressions"] = [_suppression(reported.decision)]
        result["rank"] = round(finding.confidence * 100, 1)
        result["properties"] = _properties(reported)
        return result

    def _absent(self, difference: Difference) -> Mapping[str, Any]:
        finding = difference.finding
        result = self._result(finding, None)
        result["message"] = {"text": f"{_name(finding)} is no longer found ({_reason(difference)})"}
        result["locations"] = [_logical(finding, Location())]
        result["baselineState"] = "absent"
        return result

    def _result(self, finding: Finding, ruleset: str | None) -> dict[str, Any]:
        rule, index = self._rules.index_of(ruleset, finding.rule, category=finding.category)
        return {
            "ruleId": rule,
            "ruleIndex": index,
            "level": LEVELS.get(finding.severity, "warning"),
            "message": {},
            "partialFingerprints": {"waivernFinding/v1": finding.fingerprint},
        }

    def _locations(self, finding: Finding, location: Location) -> list[Mapping[str, Any]]:
        """Return one location per line. All but the first have ids, as SARIF requires of related locations."""
        if location.file_path is None:
            return [_logical(finding, location)]
        logical = _logical(finding, location) if location.table else {}
        artifact = self._artifact_location(finding.source, location.file_path)
        if not location.lines:
            return [{"physicalLocation": {"artifactLocation": artifact}, **logical}]
        return [
            {
                **({"id": number} if number else {}),
                "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}},
                **logical,
            }
            for number, line in enumerate(location.lines)
        ]

    def _artifact_location(self, source: str, path: str) -> Mapping[str, Any]:
        known = self._files.get((source, path))
        if known is None:
            known = self._files[source, path] = self._new_location(source, path)
        return known

    def _new_location(self, source: str, path: str) -> Mapping[str, Any]:
        base = self._bases.setdefault(source, f"SOURCE{len(self._bases) + 1}")
        return {"uri": _uri(path), "uriBaseId": base, "index": len(self._files)}


def _uri(path: str) -> str:
    # A relative reference (RFC 3986): `./` prevents that a colon in the first segment is read as a scheme.
    quoted = quote(path.replace("\\", "/").lstrip("/"))
    return f"./{quoted}" if ":" in path.split("/", 1)[0] else quoted


def _logical(finding: Finding, location: Location) -> Mapping[str, Any]:
    inside = ".".join(part for part in (location.table, location.column) if part) or finding.location or finding.source
    location_of = drop_empty(
        name=location.column or location.table,
        fullyQualifiedName=f"{finding.source}/{inside}",
        kind="member" if location.column else "object",
    )
    return {"logicalLocations": [location_of]}


def _message(reported: ReportedFinding) -> str:
    finding = reported.finding
    matches = "1 match" if finding.match_count == 1 else f"{finding.match_count:,} matches"
    text = f"{_name(finding)}, {matches}, confidence {finding.confidence:.0%}"
    samples = ", ".join(evidence.content for evidence in reported.evidence or ())
    return f"{text}: {samples}" if samples else text


def _name(finding: Finding) -> str:
    where = f" in {finding.location}" if finding.location else ""
    return f"{finding.rule.replace('_', ' ').capitalize()}{where} ({finding.source})"


def _reason(difference: Difference) -> str:
    if difference.because is not None:
        return difference.because
    return "the rules changed" if difference.reason == "rules" else "the data changed"


def _suppression(decision: Decision) -> Mapping[str, Any]:
    until = f", until {decision.until.isoformat()}" if decision.until is not None else ""
    return {
        "kind": "external",
        "status": "accepted",
        "justification": f"{decision.verdict.value} by {decision.owner}{until}: {decision.reason}",
    }


def _properties(reported: ReportedFinding) -> Mapping[str, Any]:
    finding = reported.finding
    properties: dict[str, Any] = {
        "category": finding.category,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "matchCount": finding.match_count,
        "source": finding.source,
        "artifacts": reported.artifact_ids,
    }
    if finding.special_category is not None:
        properties["specialCategory"] = finding.special_category
    if reported.change is not None:
        properties["change"] = reported.change.value
    if reported.evidence is None:
        properties["evidencePruned"] = True
    return properties
