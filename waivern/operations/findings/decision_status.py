"""What was decided about findings, and whether it counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from typing import Any

from waivern.history.current_findings import CurrentFinding
from waivern.history.decisions import Decision, Lapse, Lapsed
from waivern.history.records_as_json import instant_as_json
from waivern.operations.application import Application, Storage
from waivern.runs.run import utc_now


class DecisionState(StrEnum):
    """Whether a decision about a finding counts.

    overruled: a newer one about it does. expired: its last day is past. stale: it stands in a file, and nothing is
    there any more that it is about.
    """

    COUNTS = "counts"
    OVERRULED = "overruled"
    EXPIRED = "expired"
    STALE = "stale"


@dataclass(frozen=True)
class DecisionOnFinding:
    """A decision about a finding, by its fingerprint or by a pattern, and whether it counts."""

    decision: Decision
    state: DecisionState


def today() -> date:
    """Return the day by which decisions are in force or have expired: the present one in UTC."""
    return utc_now().astimezone(UTC).date()


def lapsed_decisions(application: Application, runbook: str | None) -> Sequence[Lapsed]:
    """Return the decisions that count no more, of one runbook or of all, by its newest complete run."""
    day = today()
    application.storage.known.settle(today=day)
    return application.storage.decisions.lapsed(runbook=runbook, today=day)


def decisions_on(storage: Storage, fingerprint: str, standings: Sequence[CurrentFinding]) -> list[DecisionOnFinding]:
    """Return what was decided about a finding, the oldest first.

    Args:
        storage: Where decisions are kept.
        fingerprint: The finding's.
        standings: How it stands in each runbook that has it.
    """
    day = today()
    in_force = [(each.finding, storage.decisions.in_force(each.runbook, today=day)) for each in standings]
    lapsed = [each for known in standings for each in storage.decisions.lapsed(runbook=known.runbook, today=day)]
    expired = {each for _, decisions in in_force for each in decisions.expired}
    stale = {each.decision for each in lapsed if each.why is Lapse.STALE}
    counting = {decisions.newest_on(finding) for finding, decisions in in_force}

    def state_of(decision: Decision) -> DecisionState:
        if decision in expired:
            return DecisionState.EXPIRED
        if decision not in counting:
            return DecisionState.OVERRULED
        return DecisionState.STALE if decision in stale else DecisionState.COUNTS

    about = storage.decisions.about(fingerprint, rules={each.finding.rule for each in standings})
    return [DecisionOnFinding(each, state_of(each)) for each in about if each.fingerprint or _means(each, standings)]


def _means(decision: Decision, standings: Iterable[CurrentFinding]) -> bool:
    """Say whether a decision about a rule and a place means a finding, in a runbook that has it."""
    return any(decision.runbook in (None, each.runbook) and decision.means(each.finding) for each in standings)


def decision_as_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as a JSON object."""
    return {
        "verdict": decision.verdict.value,
        "fingerprint": decision.fingerprint,
        "rule": decision.rule,
        "location": decision.location,
        "reason": decision.reason,
        "owner": decision.owner,
        "until": None if decision.until is None else decision.until.isoformat(),
        "origin": decision.origin.value,
        "runbook": decision.runbook,
        "decided_at": instant_as_json(decision.decided_at),
        "decided_by": decision.decided_by,
    }
