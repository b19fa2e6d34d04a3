"""What the report counts, and the findings that its table has room for."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from waivern.exports.model.report import Report
from waivern.exports.model.reported_finding import ReportedFinding, severity_rank
from waivern.history.comparison import Change

MOST_ROWS = 5_000
_CHANGES = {Change.NEW: 0, Change.REOPENED: 1, Change.CHANGED: 2, Change.UNCHANGED: 3}


@dataclass
class Numbers:
    """Counted in one pass; `shown` are the gravest findings, sorted."""

    total: int = 0
    decided: int = 0
    by_severity: Counter[str] = field(default_factory=Counter)
    by_category: dict[str, Counter[str]] = field(default_factory=dict)
    by_rule: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    shown: list[ReportedFinding] = field(default_factory=list)


def counted(report: Report) -> Numbers:
    """Go through a report's findings once."""
    numbers = Numbers()
    numbers.shown = heapq.nsmallest(MOST_ROWS, _noted(report, numbers), key=_order)
    return numbers


def _noted(report: Report, numbers: Numbers) -> Iterator[ReportedFinding]:
    for reported in report.findings:
        finding = reported.finding
        numbers.total += 1
        numbers.decided += reported.decision is not None
        numbers.by_severity[finding.severity] += 1
        numbers.by_category.setdefault(finding.category, Counter())[finding.severity] += 1
        numbers.by_rule[reported.ruleset, finding.rule] += 1
        yield reported


def _order(reported: ReportedFinding) -> tuple[int, int, str, str, str]:
    finding = reported.finding
    change = _CHANGES.get(reported.change, 4) if reported.change is not None else 4
    return (-severity_rank(finding.severity), change, finding.source, finding.location, finding.rule)
