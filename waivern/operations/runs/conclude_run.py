"""What is to be said when a run has ended: what changed, which gates tripped, which decisions count no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waivern.caller import Caller
from waivern.history.comparison import Comparison
from waivern.history.decisions import Lapse, Lapsed
from waivern.history.gates import GatedRun, GateResult, try_gates
from waivern.history.omissions import Omissions
from waivern.history.records_as_json import finding_as_json
from waivern.history.run_history import RunRecord
from waivern.operations.application import Application
from waivern.operations.findings.compare_runs import compare_to_last, findings_held
from waivern.operations.findings.decision_status import decision_as_json, today
from waivern.operations.runs.show_history import RunDetails
from waivern.runbooks.model.gate import parse_gate


@dataclass(frozen=True)
class Conclusion:
    """What is to be said of a run that has ended.

    Args:
        comparison: To the complete run before; None where there was none.
        gates: How each gate came out, in the order in which they were given.
        lapsed: Decisions that count no more, as the newest complete run says.
    """

    comparison: Comparison | None
    gates: Sequence[GateResult]
    lapsed: Sequence[Lapsed]

    @property
    def tripped(self) -> list[GateResult]:
        return [each for each in self.gates if each.has_tripped]


def conclude_run(application: Application, details: RunDetails, gates: Sequence[str], *, caller: Caller) -> Conclusion:
    """Compare a run to the one before, try its gates and write down how they came out.

    Args:
        application: What is installed.
        details: The run, which has ended.
        gates: As they are written; one that is given twice is tried once.
        caller: Who tries them.

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
        storage.gates.note(run.id, results, by=str(caller))
    storage.known.settle(today=day)
    return Conclusion(comparison, results, storage.decisions.lapsed(runbook=run.runbook, today=day))


def _omissions(application: Application, run: RunRecord) -> dict[str, Omissions]:
    findings = application.storage.findings
    noted = {artifact_id: findings.omissions_of(run.id, artifact_id) for artifact_id in findings.sets_of(run.id)}
    return {artifact_id: omissions for artifact_id, omissions in noted.items() if omissions is not None}


def conclusion_as_json(conclusion: Conclusion) -> dict[str, Any]:
    """Return what is to be said of a run, as keys beside its own."""
    comparison = conclusion.comparison
    since = None if comparison is None else {"base": comparison.base.id, **comparison.in_numbers()}
    return {
        "since_last_run": since,
        "gates": [_result_as_json(each) for each in conclusion.gates],
        "decisions": {
            why.value: [decision_as_json(each.decision) for each in conclusion.lapsed if each.why is why]
            for why in Lapse
        },
    }


def _result_as_json(result: GateResult) -> dict[str, Any]:
    return {
        "gate": result.gate.text,
        "tripped": result.number,
        "findings": [finding_as_json(each) for each in result.findings],
        "omissions": list(result.omissions),
    }
