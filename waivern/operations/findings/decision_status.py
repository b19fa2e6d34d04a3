"""The decisions about findings, and whether they apply."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum

from waivern.history.current_findings import CurrentFinding
from waivern.history.decisions import Decision, InactiveDecision, InactiveReason
from waivern.operations.application import Application, Storage
from waivern.runs.run import utc_now


class DecisionState(StrEnum):
    """Whether a decision about a finding applies.

    superseded: a newer decision applies instead. expired: its last day has passed. stale: it is in a file, and no
    finding matches it any more.
    """

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    STALE = "stale"


@dataclass(frozen=True)
class DecisionOnFinding:
    """A decision about a finding, by its fingerprint or by a pattern, and whether it applies."""

    decision: Decision
    state: DecisionState


def today() -> date:
    """Return the current day in UTC, for which decisions apply or have expired."""
    return utc_now().astimezone(UTC).date()


def list_inactive_decisions(application: Application, runbook: str | None) -> Sequence[InactiveDecision]:
    """Return the decisions that no longer apply, of one runbook or of all, as of its newest complete run."""
    return application.storage.decisions.inactive(runbook=runbook, today=today())


def decisions_on(storage: Storage, fingerprint: str, current: Sequence[CurrentFinding]) -> list[DecisionOnFinding]:
    """Return the decisions about a finding, oldest first.

    Args:
        storage: Where decisions are stored.
        fingerprint: The finding's fingerprint.
        current: The finding in each runbook that has it.
    """
    day = today()
    active = [(found.finding, storage.decisions.active(found.runbook, today=day)) for found in current]
    inactive = [entry for found in current for entry in storage.decisions.inactive(runbook=found.runbook, today=day)]
    expired = {decision for _, decisions in active for decision in decisions.expired}
    stale = {entry.decision for entry in inactive if entry.reason is InactiveReason.STALE}
    applied = {decisions.newest_on(finding) for finding, decisions in active}

    def state_of(decision: Decision) -> DecisionState:
        if decision in expired:
            return DecisionState.EXPIRED
        if decision not in applied:
            return DecisionState.SUPERSEDED
        return DecisionState.STALE if decision in stale else DecisionState.ACTIVE

    candidates = storage.decisions.decisions_about(fingerprint, rules={found.finding.rule for found in current})
    return [
        DecisionOnFinding(decision, state_of(decision))
        for decision in candidates
        if decision.fingerprint or _matches_any(decision, current)
    ]


def _matches_any(decision: Decision, current: Iterable[CurrentFinding]) -> bool:
    """Return whether a decision about a rule and a location matches a finding in a runbook that it applies to."""
    return any(decision.runbook in (None, found.runbook) and decision.matches(found.finding) for found in current)
