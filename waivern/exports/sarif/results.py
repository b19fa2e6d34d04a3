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

_BASELINE = {
    Change.NEW: "new",
    Change.REOPENED: "new",
    Change.CHANGED: "updated",
    Change.UNCHANGED: "unchanged",
}


class Results:
    """The results one by one; `files` and `bases` hold what they refer to, once all were gone through.

    What the run before had found and this one did not is `absent`. What this one could not look at is no result, for
    it may be there still: it stands among the notifications.
    """

    def __init__(self, report: Report, rules: Rules) -> None:
        self._report = report
        self._rules = rules
        self._files: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._bases: dict[str, str] = {}

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for reported in self._report.findings:
            yield self._present(reported)
        for difference in self._report.gone(Change.FIXED):
            yield self._absent(difference)

    @property
    def files(self) -> list[Mapping[str, Any]]:
        """The files in which something was found, as SARIF artifacts."""
        return [{"location": location} for location in self._files.values()]

    @property
    def bases(self) -> Mapping[str, Any]:
        """What paths are meant from: the sources, as their connectors name them."""
        return {base: {"description": {"text": source}} for source, base in self._bases.items()}

    def _present(self, reported: ReportedFinding) -> Mapping[str, Any]:
        finding, location = reported.finding, reported.location
        told = self._told(finding, reported.ruleset)
        told["message"] = {"text": _message(reported)}
        first, *others = self._places(finding, location)
        told["locations"] = [first]
        if others:
            told["relatedLocations"] = others
        if reported.change is not None:
            told["baselineState"] = _BASELINE[reported.change]
        if reported.decision is not None:
            told["suppressions"] = [_suppression(reported.decision)]
        told["rank"] = round(finding.confidence * 100, 1)
        told["properties"] = _properties(reported)
        return told

    def _absent(self, difference: Difference) -> Mapping[str, Any]:
        finding = difference.finding
        told = self._told(finding, None)
        told["message"] = {"text": f"{_named(finding)} is no longer found ({_why(difference)})"}
        told["locations"] = [_logical(finding, Location())]
        told["baselineState"] = "absent"
        return told

    def _told(self, finding: Finding, ruleset: str | None) -> dict[str, Any]:
        rule, place = self._rules.place_of(ruleset, finding.rule, category=finding.category)
        return {
            "ruleId": rule,
            "ruleIndex": place,
            "level": LEVELS.get(finding.severity, "warning"),
            "message": {},
            "partialFingerprints": {"waivernFinding/v1": finding.fingerprint},
        }

    def _places(self, finding: Finding, location: Location) -> list[Mapping[str, Any]]:
        """The place, once for each line that is named; later ones have ids, as related locations must."""
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
    """A relative reference (RFC 3986); `./` keeps a colon in its first step from reading as a scheme."""
    quoted = quote(path.replace("\\", "/").lstrip("/"))
    return f"./{quoted}" if ":" in path.split("/", 1)[0] else quoted


def _logical(finding: Finding, location: Location) -> Mapping[str, Any]:
    inside = ".".join(part for part in (location.table, location.column) if part) or finding.location or finding.source
    told = drop_empty(
        name=location.column or location.table,
        fullyQualifiedName=f"{finding.source}/{inside}",
        kind="member" if location.column else "object",
    )
    return {"logicalLocations": [told]}


def _message(reported: ReportedFinding) -> str:
    finding = reported.finding
    times = "once" if finding.match_count == 1 else f"{finding.match_count:,} times"
    told = f"{_named(finding)}, {times}, {finding.confidence:.0%} sure"
    samples = ", ".join(each.content for each in reported.evidence or ())
    return f"{told}: {samples}" if samples else told


def _named(finding: Finding) -> str:
    where = f" in {finding.location}" if finding.location else ""
    return f"{finding.rule.replace('_', ' ').capitalize()}{where} ({finding.source})"


def _why(difference: Difference) -> str:
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
    told: dict[str, Any] = {
        "category": finding.category,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "matchCount": finding.match_count,
        "source": finding.source,
        "artifacts": reported.artifact_ids,
    }
    if finding.special_category is not None:
        told["specialCategory"] = finding.special_category
    if reported.change is not None:
        told["change"] = reported.change.value
    if reported.evidence is None:
        told["evidencePruned"] = True
    return told
