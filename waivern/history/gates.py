"""Whether the gates of a run pass or fail, and because of which findings or coverage gaps."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from waivern.history.comparison import Change, Comparison
from waivern.history.coverage_gaps import CoverageGaps, NotScanned, not_scanned_entry, partially_scanned_entry
from waivern.history.decisions import ActiveDecisions
from waivern.history.finding import Finding
from waivern.history.run_records import ArtifactRecord
from waivern.messages.overview import Overview
from waivern.runbooks.model.gate import Gate, GateScope
from waivern.runs.run import ArtifactStatus
from waivern.severity import severity_rank

_APPEARED = (Change.NEW, Change.REOPENED)


@dataclass(frozen=True)
class GateResult:
    """The result of one gate.

    Args:
        gate: The gate.
        findings: The findings because of which it failed, most severe first.
        coverage_gaps: The coverage gaps because of which it failed, in words.
        violations: How many there are; `coverage_gaps` may name only the first of them.
    """

    gate: Gate
    findings: Sequence[Finding] = ()
    coverage_gaps: Sequence[str] = ()
    violations: int = 0

    @property
    def failed(self) -> bool:
        return self.violations > 0


@dataclass(frozen=True)
class GatedRun:
    """The run on which gates are evaluated.

    Args:
        findings: All findings of the run, each fingerprint once.
        comparison: With the previous complete run; None where there is none, so that every finding is new.
        artifacts: The artifacts of the run.
        decisions: The active decisions: suppressed and accepted findings violate no gate.
        coverage_gaps: {artifact id: its coverage gaps} for the artifacts that hold findings.
    """

    findings: Collection[Finding]
    comparison: Comparison | None
    artifacts: Sequence[ArtifactRecord]
    decisions: ActiveDecisions
    coverage_gaps: Mapping[str, CoverageGaps]


def evaluate_gates(gates: Iterable[Gate], run: GatedRun) -> list[GateResult]:
    """Return the result of each gate."""
    return [_EVALUATORS[gate.scope](gate, run) for gate in gates]


def _evaluate_findings(gate: Gate, run: GatedRun) -> GateResult:
    violations = [
        finding
        for finding in _findings_in_scope(gate.scope, run)
        if _is_selected(gate, finding) and run.decisions.decision_on(finding) is None
    ]
    violations.sort(key=_most_severe_first)
    return GateResult(gate, findings=violations, violations=len(violations))


def _most_severe_first(finding: Finding) -> tuple[int, str, str, str]:
    return (-severity_rank(finding.severity), finding.source, finding.location, finding.rule)


def _findings_in_scope(scope: GateScope, run: GatedRun) -> Iterable[Finding]:
    if scope is GateScope.ANY:
        return run.findings
    if run.comparison is None:
        return run.findings if scope is GateScope.NEW else ()
    changes = _APPEARED if scope is GateScope.NEW else (Change.CHANGED,)
    return [difference.finding for difference in run.comparison.differences if difference.change in changes]


def _is_selected(gate: Gate, finding: Finding) -> bool:
    if gate.severity is not None:
        return severity_rank(finding.severity) >= severity_rank(gate.severity)
    if gate.category is not None:
        return finding.category == gate.category
    return not gate.special_category or finding.special_category is True


@dataclass(frozen=True)
class _Gap:
    name: str
    text: str
    is_violation: bool = True


def _evaluate_incomplete(gate: Gate, run: GatedRun) -> GateResult:
    """Excluded files violate nothing, because the runbook asked for that."""
    unfinished = [
        f"{artifact.artifact_id}: {artifact.status.value}"
        for artifact in run.artifacts
        if artifact.status is not ArtifactStatus.SUCCEEDED
    ]
    gaps = {artifact_id: list(map(_not_scanned, gaps.not_scanned)) for artifact_id, gaps in run.coverage_gaps.items()}
    texts, violations = _distinct_gaps(run.artifacts, gaps, _not_scanned_in)
    return GateResult(gate, coverage_gaps=[*unfinished, *texts], violations=len(unfinished) + violations)


def _evaluate_sampled(gate: Gate, run: GatedRun) -> GateResult:
    gaps = {
        artifact_id: [_Gap(entry.name, str(entry)) for entry in gaps.partially_scanned]
        for artifact_id, gaps in run.coverage_gaps.items()
    }
    texts, violations = _distinct_gaps(run.artifacts, gaps, _partially_scanned_in)
    return GateResult(gate, coverage_gaps=texts, violations=violations)


def _distinct_gaps(
    artifacts: Iterable[ArtifactRecord],
    gaps: Mapping[str, Sequence[_Gap]],
    gaps_in_overview: Callable[[Overview], tuple[int, Sequence[_Gap]]],
) -> tuple[list[str], int]:
    """Return the violations in words, and their number.

    An analyser repeats the gaps of its inputs, so each gap counts once. An artifact without findings names only its
    first gaps, in its overview.
    """
    names = {gap.name for gaps_of_artifact in gaps.values() for gap in gaps_of_artifact}
    texts = {gap.text: None for gaps_of_artifact in gaps.values() for gap in gaps_of_artifact if gap.is_violation}
    violations = len(texts)
    for artifact in artifacts:
        if artifact.artifact_id in gaps or artifact.overview is None:
            continue
        total, examples = gaps_in_overview(artifact.overview)
        if all(gap.name in names for gap in examples):
            continue
        further = {gap.text: None for gap in examples if gap.is_violation and gap.name not in names}
        if not further.keys() <= texts.keys():
            texts |= further
            violations += total - (len(examples) - len(further))
    return list(texts), violations


def _not_scanned_in(overview: Overview) -> tuple[int, list[_Gap]]:
    examples = [_not_scanned(not_scanned_entry(example)) for example in overview.not_scanned_examples]
    return overview.not_scanned, examples


def _partially_scanned_in(overview: Overview) -> tuple[int, list[_Gap]]:
    entries = map(partially_scanned_entry, overview.sampled_examples)
    return overview.sampled, [_Gap(entry.name, str(entry)) for entry in entries]


def _not_scanned(entry: NotScanned) -> _Gap:
    return _Gap(entry.name, str(entry), is_violation=not entry.is_excluded)


_EVALUATORS: Mapping[GateScope, Callable[[Gate, GatedRun], GateResult]] = {
    GateScope.NEW: _evaluate_findings,
    GateScope.CHANGED: _evaluate_findings,
    GateScope.ANY: _evaluate_findings,
    GateScope.INCOMPLETE: _evaluate_incomplete,
    GateScope.SAMPLED: _evaluate_sampled,
}
