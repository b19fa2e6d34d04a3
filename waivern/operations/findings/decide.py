"""Decide about a finding: that it is none, that it may stay, or that neither holds any longer."""

from datetime import date

from waivern.errors import DecisionError
from waivern.history.decisions import Decision, Verdict
from waivern.operations.application import Application
from waivern.operations.findings.decision_status import today
from waivern.operations.findings.find_findings import resolve_fingerprint


def decide(
    application: Application, verdict: Verdict, fingerprint: str, *, reason: str, owner: str, until: date | None = None
) -> Decision:
    """Keep a decision and return it; it counts at once.

    Args:
        application: What is installed.
        verdict: What the finding counts as.
        fingerprint: Of the finding, or the beginning of it.
        reason: Why.
        owner: Who answers for it.
        until: The last day on which it is in force, in UTC.

    Raises:
        DecisionError: no run found it, the day is past, a text is empty, or there is nothing to reopen.
    """
    if until is not None and until < today():
        raise DecisionError(f"{until} is past", remedy="A decision is in force up to its last day: name one to come")
    decision = Decision(verdict, reason.strip(), owner.strip(), fingerprint="0", until=until)
    name = resolve_fingerprint(application, fingerprint)
    if verdict is Verdict.REOPENED:
        _refuse_what_is_open(application, name)
    return application.storage.decisions.decide(
        Decision(verdict, decision.reason, decision.owner, fingerprint=name, until=until), by=application.actor
    )


def _refuse_what_is_open(application: Application, fingerprint: str) -> None:
    """Nothing was decided about it, by its fingerprint or by a pattern of any runbook that has it."""
    known, decisions, day = application.storage.known, application.storage.decisions, today()
    known.settle(today=day)
    about = decisions.about(fingerprint)
    if about and about[-1].verdict is not Verdict.REOPENED and not about[-1].has_expired(day):
        return
    for each in known.with_fingerprint(fingerprint, today=day):
        if decisions.in_force(each.runbook, today=day).on(each.finding) is not None:
            return
    raise DecisionError(
        f"Finding {fingerprint} is neither suppressed nor accepted", remedy="There is nothing to reopen"
    )
