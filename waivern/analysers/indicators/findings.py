"""Findings: all matches of one rule at one location, with a limited number of samples as evidence."""

import functools
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from waivern.analysers.indicators.columns import MaskedValue
from waivern.analysers.indicators.evidence import EvidenceMasker
from waivern.analysers.indicators.fingerprint import fingerprint_of
from waivern.analysers.indicators.input_texts import Item, Location
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.ruleset import Ruleset
from waivern.severity import Severity

MAX_LINES = 5
"""Maximum number of lines in the location of a finding in a file; the first ones are kept."""


class _Sample(NamedTuple):
    """A sample of evidence. Samples are ordered, so that which ones are kept does not depend on the order of inputs."""

    line: int
    row: str
    start: int
    content: str


class _Finding:
    __slots__ = ("best", "fingerprint", "lines", "location", "patterns", "samples")

    def __init__(self, fingerprint: str, location: Location, span: Span) -> None:
        self.fingerprint = fingerprint
        self.location = location
        self.best = span
        self.patterns: dict[str, int] = {}
        self.samples: list[_Sample] = []
        self.lines: list[int] = []

    def improve(self, span: Span) -> None:
        """Keep the more confident span."""
        best = self.best
        if span.confidence > best.confidence or (span.confidence == best.confidence and span.reasons < best.reasons):
            self.best = span

    def add_line(self, line: int) -> None:
        """Keep the first `MAX_LINES` distinct lines, sorted."""
        if (len(self.lines) < MAX_LINES or line < self.lines[-1]) and line not in self.lines:
            insort(self.lines, line)
            del self.lines[MAX_LINES:]


class FindingCollector:
    """Collects spans into findings.

    Args:
        threshold: The minimum confidence of spans.
        max_evidence: The maximum number of samples per finding.
        masker: Creates the evidence of spans.
        ruleset: Provides severities by category and facts by rule.
    """

    def __init__(self, *, threshold: float, max_evidence: int, masker: EvidenceMasker, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._threshold = threshold
        self._max_evidence = max_evidence
        self._masker = masker
        self._by_fingerprint: dict[str, _Finding] = {}
        self._by_location: dict[tuple[Location, str], _Finding] = {}

    def add(self, item: Item, spans: Sequence[Span]) -> None:
        """Add the sorted spans of an item."""
        if item.location.column is None and not item.is_name:
            self._add_in_file(item, spans)
            return
        for span in spans:
            if span.confidence >= self._threshold:
                self._add_sample(self._count_matches(item.location, span), item, span, spans, line=0)

    def _add_in_file(self, item: Item, spans: Sequence[Span]) -> None:
        counting = [span for span in spans if span.confidence >= self._threshold]
        names = [span for span in spans if span.is_name]
        findings: dict[str, _Finding] = {}
        for (rule, *_), alike in _groups_of_alike(counting).items():
            findings[rule] = self._count_matches(item.location, alike[0], len(alike))
        seen: dict[str, set[int]] = defaultdict(set)
        enough = max(MAX_LINES, self._max_evidence)
        unfinished = set(findings)
        line, offset = 1, 0
        for span in counting:
            if span.rule not in unfinished:  # later lines of this text are neither kept as lines nor as samples
                continue
            finding = findings[span.rule]
            line += _count_line_ends(item.content, offset, span.start)
            offset = span.start
            seen[span.rule].add(line)
            finding.add_line(line)
            self._add_sample(finding, item, span, names, line=line)
            if len(seen[span.rule]) >= enough:
                unfinished.remove(span.rule)
                if not unfinished:
                    return

    def add_column(self, column: Location, span: Span, values: Iterable[MaskedValue]) -> None:
        """Add the span of a column's name; `values` are the column's first values by row."""
        if span.confidence < self._threshold:
            return
        finding = self._count_matches(column, span)
        for row, content in values:
            sample = _Sample(0, row, 0, content)
            if sample not in finding.samples:
                insort(finding.samples, sample)
        del finding.samples[self._max_evidence :]

    def as_result(self, positions: Mapping[Location, int]) -> list[Any]:
        """Return all findings as JSON for `merge`; locations are given by their positions."""
        return [
            [positions[finding.location], *finding.best[2:7], finding.patterns, finding.samples, finding.lines]
            for finding in self._by_fingerprint.values()
        ]

    def merge(self, result: Sequence[Any], locations: Sequence[Location]) -> None:
        """Add the findings of a part, which `as_result` returned."""
        for position, category, rule, pattern, confidence, reasons, patterns, samples, lines in result:
            span = Span(0, 0, category, rule, pattern, confidence, tuple(reasons))
            finding = self._finding(locations[position], span)
            finding.improve(span)
            for label, count in patterns.items():
                finding.patterns[label] = finding.patterns.get(label, 0) + count
            for line in lines:
                finding.add_line(line)
            for sample in samples:
                insort(finding.samples, _Sample(*sample))
            del finding.samples[self._max_evidence :]

    def summary(self) -> dict[str, Any]:
        findings = self._by_fingerprint.values()
        by_category: Counter[str] = Counter(finding.best.category for finding in findings)
        return {
            "total_findings": len(findings),
            "total_matches": sum(sum(finding.patterns.values()) for finding in findings),
            "by_category": dict(sorted(by_category.items())),
        }

    def drain(self) -> Iterator[dict[str, Any]]:
        """Yield the findings as in the schema, sorted by location, then rule, and release each one."""
        self._by_location.clear()
        findings = self._by_fingerprint
        facts = {rule.name: rule.facts for rule in self._ruleset.rules if rule.facts}
        remaining = sorted(findings, key=lambda key: (findings[key].location.sort_key(), findings[key].best.rule))
        remaining.reverse()
        while remaining:
            finding = findings.pop(remaining.pop())
            severity = self._ruleset.severities.get(finding.best.category, "medium")
            yield _as_content(finding, severity=severity, facts=facts.get(finding.best.rule))

    def _count_matches(self, location: Location, span: Span, number: int = 1) -> _Finding:
        finding = self._finding(location, span)
        finding.improve(span)
        label = _label(span.pattern, span.is_name)
        finding.patterns[label] = finding.patterns.get(label, 0) + number
        return finding

    def _finding(self, location: Location, span: Span) -> _Finding:
        finding = self._by_location.get((location, span.rule))
        if finding is None:
            finding = self._by_location[location, span.rule] = self._finding_at(location, span)
        return finding

    def _finding_at(self, location: Location, span: Span) -> _Finding:
        """Return the finding. Different spellings of a location ("exports/", "./exports") share one finding."""
        fingerprint = fingerprint_of(span.rule, location)
        finding = self._by_fingerprint.setdefault(fingerprint, _Finding(fingerprint, location, span))
        finding.location = min(finding.location, location, key=Location.sort_key)
        return finding

    def _add_sample(self, finding: _Finding, item: Item, span: Span, spans: Sequence[Span], *, line: int) -> None:
        samples = finding.samples
        if len(samples) >= self._max_evidence and (line, item.row, span.start) > samples[-1][:3]:
            return
        names = [other for other in spans if other.is_name]
        insort(samples, _Sample(line, item.row, span.start, self._masker.evidence(item.content, span, names)))
        del samples[self._max_evidence :]


def _groups_of_alike(spans: Iterable[Span]) -> Mapping[tuple[Any, ...], Sequence[Span]]:
    """Return the spans by everything but their place."""
    groups: dict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.rule, span.pattern, span.is_name, span.confidence, span.reasons].append(span)
    return groups


def _as_content(finding: _Finding, *, severity: Severity, facts: Mapping[str, str] | None) -> dict[str, Any]:
    location, best = finding.location, finding.best
    metadata: dict[str, Any] = {"source": location.source}
    if location.context is not None:
        metadata["context"] = location.context
    if facts:
        metadata["facts"] = dict(facts)
    return {
        "fingerprint": finding.fingerprint,
        "category": best.category,
        "rule": best.rule,
        "location": _location_as_content(finding),
        "evidence": [_sample_as_content(sample) for sample in finding.samples],
        "matched_patterns": [
            {"pattern": pattern, "match_count": count} for pattern, count in sorted(finding.patterns.items())
        ],
        "confidence": best.confidence,
        "reasons": list(best.reasons),
        "severity": severity,
        "metadata": metadata,
    }


@functools.cache
def _label(pattern: str, is_name: bool) -> str:
    return f"field name: {pattern}" if is_name else f"value: {pattern}"


def _location_as_content(finding: _Finding) -> dict[str, Any]:
    location = finding.location
    file = {"file_path": location.path} if location.path is not None else {}
    if location.is_column:
        return {**file, "table": location.table, "column": location.column}
    if location.table is not None:
        return {**file, "table": location.table}
    return {**file, "lines": finding.lines}


def _count_line_ends(text: str, start: int, end: int) -> int:
    """Count line feeds, carriage returns and pairs of them; a pair counts where it ends."""
    returns = text.count("\r", start, end)
    pairs = text.count("\r\n", max(0, start - 1), end) if returns or text[start - 1 : start] == "\r" else 0
    return text.count("\n", start, end) + returns - pairs


def _sample_as_content(sample: _Sample) -> dict[str, Any]:
    return {"content": sample.content, "line": sample.line} if sample.line else {"content": sample.content}
