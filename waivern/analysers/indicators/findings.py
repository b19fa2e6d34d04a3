"""Findings: all that one rule found at one place, with as much evidence as is wanted."""

import functools
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from waivern.analysers.indicators.fingerprint import fingerprint_of
from waivern.analysers.indicators.items import Item, Place
from waivern.analysers.indicators.masking import Masker
from waivern.rulesets.detection.masking import masked
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.rule import Severity
from waivern.rulesets.model.ruleset import Ruleset

MOST_LINES = 5
"""Of a file's lines on which something was found the first so many are named."""


class _Sample(NamedTuple):
    """Ordered, so that which samples are kept depends on what was found and not on the order in which it was."""

    line: int
    row: str
    start: int
    content: str


class _Finding:
    __slots__ = ("best", "fingerprint", "lines", "patterns", "place", "samples")

    def __init__(self, fingerprint: str, place: Place, span: Span) -> None:
        self.fingerprint = fingerprint
        self.place = place
        self.best = span
        self.patterns: dict[str, int] = {}
        self.samples: list[_Sample] = []
        self.lines: list[int] = []

    def note_line(self, line: int) -> None:
        """Keep the first lines, sorted, each once."""
        if (len(self.lines) < MOST_LINES or line < self.lines[-1]) and line not in self.lines:
            insort(self.lines, line)
            del self.lines[MOST_LINES:]


class Findings:
    """Gathers spans into findings.

    Args:
        threshold: Spans of less confidence do not count.
        most_evidence: So many samples are kept of a finding.
        masker: Makes evidence of spans.
        ruleset: Says how much harm a category may do, and what else is known of a rule.
    """

    def __init__(self, *, threshold: float, most_evidence: int, masker: Masker, ruleset: Ruleset) -> None:
        self._severities = ruleset.severities
        self._facts = {rule.name: rule.facts for rule in ruleset.rules if rule.facts}
        self._threshold = threshold
        self._most_evidence = most_evidence
        self._masker = masker
        self._found: dict[str, _Finding] = {}
        self._at: dict[tuple[Place, str], _Finding] = {}

    def add(self, item: Item, spans: Sequence[Span]) -> None:
        """Note what was found in an item; `spans` are sorted."""
        counting = [span for span in spans if span.confidence >= self._threshold]
        names = [span for span in spans if span.is_name]
        if item.place.is_column or item.is_name:
            for span in counting:
                self._keep_sample(self._noted(item.place, span), item, span, names, line=0)
        else:
            self._add_in_file(item, counting, names)

    def _add_in_file(self, item: Item, counting: Sequence[Span], names: Sequence[Span]) -> None:
        seen: dict[str, set[int]] = defaultdict(set)
        enough = max(MOST_LINES, self._most_evidence)
        line, counted = 1, 0
        for span in counting:
            finding = self._noted(item.place, span)
            if len(seen[span.rule]) >= enough:  # later lines of this text could add nothing
                continue
            line += _line_ends(item.content, counted, span.start)
            counted = span.start
            seen[span.rule].add(line)
            finding.note_line(line)
            self._keep_sample(finding, item, span, names, line=line)

    def add_column(self, column: Place, span: Span, cells: Iterable[Item]) -> None:
        """Note what a column's name says; `cells` are its values, or the first of them by row."""
        if span.confidence < self._threshold:
            return
        finding = self._noted(column, span)
        for cell in cells:
            sample = _Sample(0, cell.row, 0, masked(cell.content.strip()))
            if sample not in finding.samples:
                insort(finding.samples, sample)
        del finding.samples[self._most_evidence :]

    def summary(self) -> dict[str, Any]:
        by_category: Counter[str] = Counter(finding.best.category for finding in self._found.values())
        return {
            "total_findings": len(self._found),
            "total_matches": sum(sum(finding.patterns.values()) for finding in self._found.values()),
            "by_category": dict(sorted(by_category.items())),
        }

    def handed_over(self) -> Iterator[dict[str, Any]]:
        """Yield the findings as the schema has them, sorted by place, then rule, and forget each one."""
        self._at.clear()
        found = self._found
        backwards = sorted(found, key=lambda each: (found[each].place.sort_key(), found[each].best.rule))
        backwards.reverse()
        while backwards:
            each = found.pop(backwards.pop())
            severity = self._severities.get(each.best.category, "medium")
            yield _as_content(each, severity=severity, facts=self._facts.get(each.best.rule))

    def _noted(self, place: Place, span: Span) -> _Finding:
        finding = self._at.get((place, span.rule))
        if finding is None:
            finding = self._at[place, span.rule] = self._begun(place, span)
        best = finding.best
        if span.confidence > best.confidence or (span.confidence == best.confidence and span.reasons < best.reasons):
            finding.best = span
        label = _label(span.pattern, span.is_name)
        finding.patterns[label] = finding.patterns.get(label, 0) + 1
        return finding

    def _begun(self, place: Place, span: Span) -> _Finding:
        """A place that the inputs write in several ways ("exports/", "./exports") has one finding, under the first."""
        fingerprint = fingerprint_of(span.rule, place)
        finding = self._found.setdefault(fingerprint, _Finding(fingerprint, place, span))
        finding.place = min(finding.place, place, key=Place.sort_key)
        return finding

    def _keep_sample(self, finding: _Finding, item: Item, span: Span, names: Sequence[Span], *, line: int) -> None:
        kept = finding.samples
        if len(kept) >= self._most_evidence and (line, item.row, span.start) > kept[-1][:3]:
            return
        insort(kept, _Sample(line, item.row, span.start, self._masker.evidence(item.content, span, names)))
        del kept[self._most_evidence :]


def _as_content(finding: _Finding, *, severity: Severity, facts: Mapping[str, str] | None) -> dict[str, Any]:
    place, best = finding.place, finding.best
    metadata: dict[str, Any] = {"source": place.source}
    if place.context is not None:
        metadata["context"] = place.context
    if facts:
        metadata["facts"] = dict(facts)
    return {
        "fingerprint": finding.fingerprint,
        "category": best.category,
        "rule": best.rule,
        "location": _location(finding),
        "evidence": [_evidence(sample) for sample in finding.samples],
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


def _location(finding: _Finding) -> dict[str, Any]:
    place = finding.place
    file = {"file_path": place.path} if place.path is not None else {}
    if place.is_column:
        return {**file, "table": place.table, "column": place.column}
    if place.table is not None:
        return {**file, "table": place.table}
    return {**file, "lines": finding.lines}


def _line_ends(text: str, start: int, end: int) -> int:
    """How many lines end there: with a line feed, a carriage return, or the pair, which ends where its last does."""
    returns = text.count("\r", start, end)
    pairs = text.count("\r\n", max(0, start - 1), end) if returns or text[start - 1 : start] == "\r" else 0
    return text.count("\n", start, end) + returns - pairs


def _evidence(sample: _Sample) -> dict[str, Any]:
    return {"content": sample.content, "line": sample.line} if sample.line else {"content": sample.content}
