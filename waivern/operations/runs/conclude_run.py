"""What is reported when a run has ended: what changed, which gates failed, which decisions no longer apply."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waivern.caller import Caller
from waivern.formats.records_as_json import decision_as_json, finding_as_json
from waivern.history.comparison import Comparison
from waivern.history.decisions import InactiveDecision, InactiveReason
from waivern.history.gates import GatedRun, GateResult, evaluate_gates
from waivern.history.run_records import RunDetails
from waivern.operations.application import Application
from waivern.operations.findings.compare_runs import compare_to_last, findings_of_run
from waivern.operations.findings.decision_status import today
from waivern.runbooks.model.gate import parse_gate


@dataclass(frozen=True)
class Conclusion:
    """What is reported about a run that has ended.

    Args:
        comparison: With the previous complete run; None where there is none.
        gates: The result of each gate, in the order in which they were given.
        inactive_decisions: Decisions that no longer apply, as of the newest complete run.
    """

    comparison: Comparison | None
    gates: Sequence[GateResult]
    inactive_decisions: Sequence[InactiveDecision]

    @property
    def failed_gates(self) -> list[GateResult]:
        return [result for result in self.gates if result.failed]


def conclude_run(application: Application, details: RunDetails, gates: Sequence[str], *, caller: Caller) -> Conclusion:
    """Compare a run with the previous one, evaluate its gates and store their results.

    Args:
        application: The installation.
        details: The run, which has ended.
        gates: As they are written; duplicates are evaluated once.
        caller: Who evaluates them.

    Raises:
        UsageError: a gate is not valid.
        DatabaseError, ArtifactStoreError: the history cannot be read.
    """
    storage, run, day = application.storage, details.run, today()
    parsed = [parse_gate(text) for text in dict.fromkeys(gates)]
    history, decisions = storage.history, storage.decisions
    comparison = compare_to_last(application, run)
    gated = GatedRun(
        findings=findings_of_run(application, run),
        comparison=comparison,
        artifacts=details.artifacts,
        decisions=decisions.active(run.runbook, today=day),
        coverage_gaps={name: history.coverage_gaps_of(run.id, name) for name in history.snapshots_of(run.id)},
    )
    results = evaluate_gates(parsed, gated)
    if results:
        decisions.record_gates(run.id, results, caller=caller)
    return Conclusion(comparison, results, decisions.inactive(runbook=run.runbook, today=day))


def conclusion_as_json(conclusion: Conclusion) -> dict[str, Any]:
    """Return a conclusion as further keys of the run's JSON object."""
    comparison = conclusion.comparison
    since = None if comparison is None else {"base": comparison.base.id, **comparison.counts()}
    return {
        "since_last_run": since,
        "gates": [_gate_result_as_json(result) for result in conclusion.gates],
        "decisions": {
            reason.value: [
                decision_as_json(inactive.decision)
                for inactive in conclusion.inactive_decisions
                if inactive.reason is reason
            ]
            for reason in InactiveReason
        },
    }


def _gate_result_as_json(result: GateResult) -> dict[str, Any]:
    return {
        "gate": result.gate.text,
        "violations": result.violations,
        "findings": [finding_as_json(finding) for finding in result.findings],
        "coverage_gaps": list(result.coverage_gaps),
    }
