"""Counts of the findings, and the findings that the table shows."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from waivern.exports.model.report import Report
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.comparison import Change
from waivern.severity import severity_rank

MAX_ROWS = 5_000
_CHANGE_ORDER = {Change.NEW: 0, Change.REOPENED: 1, Change.CHANGED: 2, Change.UNCHANGED: 3}


@dataclass
class FindingCounts:
    """Counts from one pass over the findings; `shown` holds the most severe ones, sorted."""

    total: int = 0
    decided: int = 0
    by_severity: Counter[str] = field(default_factory=Counter)
    by_category: dict[str, Counter[str]] = field(default_factory=dict)
    by_rule: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    shown: list[ReportedFinding] = field(default_factory=list)


def count_findings(report: Report) -> FindingCounts:
    """Count the findings of a report."""
    counts = FindingCounts()
    counts.shown = heapq.nsmallest(MAX_ROWS, _add_each(report, counts), key=_sort_key)
    return counts


def _add_each(report: Report, counts: FindingCounts) -> Iterator[ReportedFinding]:
    for reported in report.findings:
        finding = reported.finding
        counts.total += 1
        counts.decided += reported.decision is not None
        counts.by_severity[finding.severity] += 1
        counts.by_category.setdefault(finding.category, Counter())[finding.severity] += 1
        counts.by_rule[reported.ruleset, finding.rule] += 1
        yield reported


def _sort_key(reported: ReportedFinding) -> tuple[int, int, str, str, str]:
    finding = reported.finding
    change = _CHANGE_ORDER.get(reported.change, 4) if reported.change is not None else 4
    return (-severity_rank(finding.severity), change, finding.source, finding.location, finding.rule)
