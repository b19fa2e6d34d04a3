"""What is to be said when a run has ended: what changed, which gates tripped, which decisions count no more."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from waivern.history.comparison import Change, Comparison
from waivern.history.decisions import Decision, DecisionsInForce, Origin
from waivern.history.finding import Finding
from waivern.history.gates import GatedRun, GateResult, try_gates
from waivern.history.omissions import Omissions
from waivern.history.records_as_json import finding_as_json
from waivern.history.run_history import RunRecord
from waivern.operations.application import Application
from waivern.operations.compare_runs import compare_to_last, findings_held
from waivern.operations.find_findings import decision_as_json, today
from waivern.operations.show_history import RunDetails
from waivern.runbooks.gate import parse_gate
from waivern.runs.run import RunStatus


@dataclass(frozen=True)
class Conclusion:
    """What is to be said of a run that has ended.

    Args:
        comparison: To the complete run before; None where there was none.
        gates: How each gate came out, in the order in which they were given.
        expired: Decisions whose last day is past: those of the file, and those about what the run found.
        stale: Decisions of the file that a complete run found nothing to match.
    """

    comparison: Comparison | None
    gates: Sequence[GateResult]
    expired: Sequence[Decision]
    stale: Sequence[Decision]

    @property
    def tripped(self) -> list[GateResult]:
        return [each for each in self.gates if each.has_tripped]


def conclude_run(application: Application, details: RunDetails, gates: Sequence[str]) -> Conclusion:
    """Compare a run to the one before, try its gates and write down how they came out.

    Args:
        application: What is installed.
        details: The run, which has ended.
        gates: As they are written; one that is given twice is tried once.

    Raises:
        UsageError: a gate cannot be read.
        DatabaseError, ArtifactStoreError: what is needed cannot be read.
    """
    storage, run, day = application.storage, details.run, today()
    wanted = [parse_gate(text) for text in dict.fromkeys(gates)]
    comparison = compare_to_last(application, run)
    decisions = storage.decisions.in_force(run.runbook, today=day)
    found = findings_held(application, run)
    results = try_gates(wanted, GatedRun(found, comparison, details.artifacts, decisions, _omissions(application, run)))
    if results:
        storage.gates.note(run.id, results)
    storage.known.settle(today=day)
    matched = [*found, *_unknown(comparison)]
    says_how_things_are = run.status is RunStatus.SUCCEEDED and run.reanalysis_of is None
    stale = _stale(decisions, matched) if says_how_things_are else []
    return Conclusion(comparison, results, _expired(decisions, found), stale)


def _omissions(application: Application, run: RunRecord) -> dict[str, Omissions]:
    findings = application.storage.findings
    noted = {artifact_id: findings.omissions_of(run.id, artifact_id) for artifact_id in findings.sets_of(run.id)}
    return {artifact_id: omissions for artifact_id, omissions in noted.items() if omissions is not None}


def _unknown(comparison: Comparison | None) -> list[Finding]:
    return [] if comparison is None else [each.finding for each in comparison.of(Change.UNKNOWN)]


def _expired(decisions: DecisionsInForce, found: Collection[Finding]) -> list[Decision]:
    held = {finding.fingerprint for finding in found}
    return [each for each in decisions.expired if each.origin is Origin.FILE or each.fingerprint in held]


def _stale(decisions: DecisionsInForce, matched: Sequence[Finding]) -> list[Decision]:
    of_file = [each for each in decisions.standing if each.origin is Origin.FILE]
    return [each for each in of_file if not any(each.means(finding) for finding in matched)]


def conclusion_as_json(conclusion: Conclusion) -> dict[str, Any]:
    """Return what is to be said of a run, as keys beside its own."""
    comparison = conclusion.comparison
    since = None if comparison is None else {"base": comparison.base.id, **comparison.in_numbers()}
    return {
        "since_last_run": since,
        "gates": [_result_as_json(each) for each in conclusion.gates],
        "decisions": {
            "expired": [decision_as_json(each) for each in conclusion.expired],
            "stale": [decision_as_json(each) for each in conclusion.stale],
        },
    }


def _result_as_json(result: GateResult) -> dict[str, Any]:
    return {
        "gate": result.gate.text,
        "tripped": result.number,
        "findings": [finding_as_json(each) for each in result.findings],
        "omissions": list(result.omissions),
    }
