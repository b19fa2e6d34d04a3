"""Decide about a finding: suppress, accept or reopen it."""

from datetime import date

from waivern.caller import Caller
from waivern.errors import DecisionError
from waivern.history.decisions import Decision, Verdict
from waivern.operations.application import Application
from waivern.operations.findings.decision_status import today
from waivern.operations.findings.find_findings import resolve_fingerprint


def decide(
    application: Application,
    verdict: Verdict,
    fingerprint: str,
    *,
    reason: str,
    owner: str,
    until: date | None = None,
    caller: Caller,
) -> Decision:
    """Store a decision and return it; it applies at once.

    Args:
        application: The installation.
        verdict: The verdict.
        fingerprint: The finding's fingerprint, or a prefix of it.
        reason: Why.
        owner: Who is responsible for it.
        until: The last day on which it applies, in UTC; None: it does not expire.
        caller: Who decides.

    Raises:
        DecisionError: no run has found the finding, the day has passed, a text is empty, or there is nothing to reopen.
    """
    if until is not None and until < today():
        raise DecisionError(f"{until} is in the past", remedy="Give the last day on which the decision applies")
    decision = Decision(verdict, reason.strip(), owner.strip(), fingerprint="0", until=until)
    name = resolve_fingerprint(application, fingerprint)
    if verdict is Verdict.REOPENED:
        _refuse_if_open(application, name)
    return application.storage.decisions.decide(
        Decision(verdict, decision.reason, decision.owner, fingerprint=name, until=until), caller=caller
    )


def _refuse_if_open(application: Application, fingerprint: str) -> None:
    """Raise unless a decision about the fingerprint, or a pattern of a runbook that has the finding, applies."""
    storage, day = application.storage, today()
    decisions = storage.decisions.decisions_about(fingerprint)
    if decisions and decisions[-1].verdict is not Verdict.REOPENED and not decisions[-1].has_expired(day):
        return
    for current in storage.current_findings.with_fingerprint(fingerprint, today=day):
        if storage.decisions.active(current.runbook, today=day).decision_on(current.finding) is not None:
            return
    raise DecisionError(
        f"Finding {fingerprint} is neither suppressed nor accepted", remedy="There is nothing to reopen"
    )
