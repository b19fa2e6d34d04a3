"""Which findings are new, fixed or changed between two runs of a runbook, and why.

A finding at a location that a run did not scan is unknown, never fixed: its artifact did not succeed, or its file or
table was not scanned or only partially scanned.
"""

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, SnapshotRef, unique_findings
from waivern.history.run_records import RunRecord


class Change(StrEnum):
    """How a finding changed from the base run to the head run."""

    NEW = "new"
    REOPENED = "reopened"
    FIXED = "fixed"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    UNCHANGED = "unchanged"


class Reason(StrEnum):
    """Why a finding changed: the data is different, the rules are, or what was scanned is."""

    DATA = "data"
    RULES = "rules"
    SCOPE = "scope"


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One finding and how it changed; `finding` is the head run's, or the base run's if the head run has none.

    `because` describes the coverage gap where the reason is the scope; else it is None.
    """

    change: Change
    finding: Finding
    reason: Reason | None = None
    before: Finding | None = None
    because: str | None = None


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs that are compared.

    Args:
        run: The run.
        findings: (artifact id, finding) pairs.
        snapshots: The snapshots of the artifacts that hold findings, by artifact id.
        coverage_gaps: Returns the coverage gaps of an artifact; called only when needed.
    """

    run: RunRecord
    findings: Sequence[tuple[str, Finding]]
    snapshots: Mapping[str, SnapshotRef]
    coverage_gaps: Callable[[str], CoverageGaps]


@dataclass(frozen=True)
class Comparison:
    """All differences between two runs, and what is unchanged, sorted by change, source, location and rule."""

    base: RunRecord
    head: RunRecord
    differences: Sequence[Difference]

    def of(self, change: Change) -> list[Difference]:
        return [difference for difference in self.differences if difference.change is change]

    def counts(self) -> dict[str, int]:
        """Return {change: how many differences have it}."""
        counts = Counter(difference.change for difference in self.differences)
        return {change.value: counts[change] for change in Change}


class _Side:
    """A run's findings by fingerprint, and which artifacts hold them."""

    def __init__(self, compared: ComparedRun) -> None:
        self.compared = compared
        self.findings = unique_findings(finding for _, finding in compared.findings)
        self.artifacts: dict[str, tuple[str, ...]] = {}
        shared_tuples: dict[str, tuple[str, ...]] = {}
        for artifact_id, finding in compared.findings:
            others = self.artifacts.get(finding.fingerprint)
            alone = shared_tuples.setdefault(artifact_id, (artifact_id,))
            self.artifacts[finding.fingerprint] = alone if others is None else others + alone


def compare(
    base: ComparedRun, head: ComparedRun, *, seen_before: Callable[[Collection[str]], Collection[str]]
) -> Comparison:
    """Compare two runs of one runbook.

    Args:
        base: The earlier run.
        head: The later run.
        seen_before: Returns which of the given fingerprints a run before the base run had found.
    """
    before, after = _Side(base), _Side(head)
    appeared = after.findings.keys() - before.findings.keys()
    known = set(seen_before(appeared)) if appeared else set()
    disappeared = before.findings.keys() - after.findings.keys()
    differences = [
        *_found_by_both(before, after),
        *(_appeared(after.findings[name], before, after, is_known=name in known) for name in appeared),
        *(_disappeared(before.findings[name], before, after) for name in disappeared),
    ]
    return Comparison(base.run, head.run, sorted(differences, key=_sort_key))


def _found_by_both(before: _Side, after: _Side) -> Iterator[Difference]:
    for fingerprint, finding in after.findings.items():
        earlier = before.findings.get(fingerprint)
        if earlier is None:
            continue
        if earlier == finding:
            yield Difference(Change.UNCHANGED, finding)
        else:
            reason = _rules_or_data(fingerprint, before, after)
            yield Difference(Change.CHANGED, finding, reason, before=earlier)


def _appeared(finding: Finding, before: _Side, after: _Side, *, is_known: bool) -> Difference:
    change = Change.REOPENED if is_known else Change.NEW
    gap = _gap_at(finding, after.artifacts[finding.fingerprint], before.compared)
    if gap is not None:
        return Difference(change, finding, Reason.SCOPE, because=gap)
    return Difference(change, finding, _rules_or_data(finding.fingerprint, before, after))


def _disappeared(finding: Finding, before: _Side, after: _Side) -> Difference:
    gap = _gap_at(finding, before.artifacts[finding.fingerprint], after.compared)
    if gap is not None:
        return Difference(Change.UNKNOWN, finding, Reason.SCOPE, before=finding, because=gap)
    return Difference(Change.FIXED, finding, _rules_or_data(finding.fingerprint, before, after), before=finding)


def _gap_at(finding: Finding, artifacts: Iterable[str], compared: ComparedRun) -> str | None:
    return coverage_gap_at(finding.location, artifacts, compared.snapshots, compared.coverage_gaps)


def coverage_gap_at(
    location: str,
    artifacts: Iterable[str],
    scanned: Container[str],
    coverage_gaps: Callable[[str], CoverageGaps],
) -> str | None:
    """Return why a run could not find something at a location; None if one of its artifacts scanned the location.

    Args:
        location: The location.
        artifacts: The artifacts that held the finding in other runs.
        scanned: The artifacts of this run that hold findings.
        coverage_gaps: Returns the coverage gaps of one of these.
    """
    reason: str | None = None
    for artifact_id in artifacts:
        if artifact_id not in scanned:
            reason = reason or f"'{artifact_id}' did not succeed"
            continue
        gap = coverage_gaps(artifact_id).reason_for(location)
        if gap is None:
            return None
        reason = gap
    return reason


def _rules_or_data(fingerprint: str, before: _Side, after: _Side) -> Reason:
    if _have_the_same_data(before.compared.run, after.compared.run):
        return Reason.RULES
    artifacts = {*before.artifacts.get(fingerprint, ()), *after.artifacts.get(fingerprint, ())}
    for artifact_id in artifacts:
        earlier, later = before.compared.snapshots.get(artifact_id), after.compared.snapshots.get(artifact_id)
        if earlier is not None and later is not None and _rules_of(earlier) != _rules_of(later):
            return Reason.RULES
    return Reason.DATA


def _have_the_same_data(one: RunRecord, other: RunRecord) -> bool:
    """Return whether one run is a reanalysis of the other, or both are of a third: only the rules can differ."""
    is_reanalysis = one.reanalysis_of is not None or other.reanalysis_of is not None
    return is_reanalysis and (one.reanalysis_of or one.id) == (other.reanalysis_of or other.id)


def _rules_of(snapshot: SnapshotRef) -> tuple[str | None, str | None]:
    return snapshot.ruleset, snapshot.rules_version


_CHANGE_ORDER = list(Change)


def _sort_key(difference: Difference) -> tuple[int, str, str, str, str]:
    finding = difference.finding
    position = (finding.source, finding.location, finding.rule, finding.fingerprint)
    return (_CHANGE_ORDER.index(difference.change), *position)
