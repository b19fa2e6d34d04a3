"""The decision log on both databases: the newest decision about a target applies."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.database.findings.test_finding_history import PLAN, entry, run_with
from waivern.caller import Caller
from waivern.database.audit_log import SqlAuditLog
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.errors import DecisionError
from waivern.history.decision_log import DecisionFile
from waivern.history.decisions import Decision, Verdict
from waivern.history.finding import Finding

TODAY = date(2026, 11, 25)
A, B = "a" * 32, "b" * 32
RUN = "0" * 36


@pytest.fixture
def log(engine: sa.Engine) -> SqlDecisionLog:
    """A log of a database whose runs found A and B."""
    run_with(engine, [entry("a"), entry("b")])
    return SqlDecisionLog(engine)


def decision(verdict: Verdict = Verdict.SUPPRESSED, fingerprint: str | None = A, **more: Any) -> Decision:
    values = {"reason": "a test account", "owner": "dpo@example.org", **more}
    return Decision(verdict, fingerprint=fingerprint, **values)


def found(fingerprint: str = A, *, rule: str = "email_address", location: str = "a.txt") -> Finding:
    return Finding(fingerprint, rule, "email", "medium", None, "files", location, 0.9, 1)


def by_rule(location: str, **more: Any) -> Decision:
    return decision(fingerprint=None, rule="email_address", location=location, **more)


def file_of(*decisions: Decision, digest: str = "1") -> DecisionFile:
    return DecisionFile("waivern-decisions.yaml", digest * 64, decisions)


def verdicts(decisions: Sequence[Decision]) -> list[Verdict]:
    return [item.verdict for item in decisions]


def test_a_decision_is_stored_with_its_caller_and_time(log: SqlDecisionLog) -> None:
    kept = log.decide(decision(until=TODAY), caller=Caller("ada on host"))
    assert (kept.decided_by, kept.owner, kept.until) == ("user:ada on host", "dpo@example.org", TODAY)
    assert kept.decided_at is not None
    assert abs((datetime.now(UTC) - kept.decided_at).total_seconds()) < 60
    assert log.decisions_about(A) == [kept]
    assert log.decisions_about(B) == []


def test_the_newest_decision_applies_and_all_are_kept(log: SqlDecisionLog) -> None:
    for verdict in (Verdict.SUPPRESSED, Verdict.ACCEPTED):
        log.decide(decision(verdict), caller=Caller("ada"))
    counting = log.active("built", today=TODAY).decision_on(found())
    assert counting is not None
    assert counting.verdict is Verdict.ACCEPTED
    log.decide(decision(Verdict.REOPENED), caller=Caller("ada"))
    assert log.active("built", today=TODAY).decision_on(found()) is None
    assert verdicts(log.decisions_about(A)) == [Verdict.SUPPRESSED, Verdict.ACCEPTED, Verdict.REOPENED]


def test_a_decision_applies_until_the_end_of_its_last_day(log: SqlDecisionLog) -> None:
    log.decide(decision(until=TODAY), caller=Caller("ada"))
    assert log.active("built", today=TODAY).decision_on(found()) is not None
    tomorrow = log.active("built", today=date(2026, 11, 26))
    assert tomorrow.decision_on(found()) is None
    assert [item.fingerprint for item in tomorrow.expired] == [A]


def test_a_decision_needs_a_finding_that_a_run_has_found(log: SqlDecisionLog) -> None:
    with pytest.raises(DecisionError, match="No run has found 'cccc"):
        log.decide(decision(fingerprint="c" * 32), caller=Caller("ada"))
    assert log.decisions_about("c" * 32) == []


def test_a_file_applies_to_its_runbook_by_fingerprint_or_by_rule_and_location(log: SqlDecisionLog) -> None:
    assert log.use_file("one", file_of(decision(), by_rule("b*")), run_id=RUN, caller=Caller("ada"))
    one, other = log.active("one", today=TODAY), log.active("other", today=TODAY)
    assert one.decision_on(found(A)) is not None
    assert one.decision_on(found(B, location="b.txt")) is not None
    assert one.decision_on(found(B, location="c/b.txt")) is None
    assert one.decision_on(found(B, location="b.txt", rule="iban")) is None
    assert other.decision_on(found(A)) is None


def test_an_unchanged_file_adds_no_decisions(log: SqlDecisionLog) -> None:
    assert log.use_file("one", file_of(decision()), run_id=RUN, caller=Caller("ada"))
    assert not log.use_file("one", file_of(decision()), run_id=RUN, caller=Caller("ada"))
    assert log.use_file(
        "one", file_of(decision(), decision(fingerprint=B), digest="2"), run_id=RUN, caller=Caller("ada")
    )
    assert len(log.decisions_about(A)) == 1


def test_a_decision_that_is_removed_from_a_file_is_reopened(log: SqlDecisionLog) -> None:
    log.use_file("one", file_of(decision(), by_rule("*")), run_id=RUN, caller=Caller("ada"))
    assert log.use_file("one", None, run_id=RUN, caller=Caller("ada"))
    assert log.active("one", today=TODAY).decision_on(found()) is None
    assert verdicts(log.decisions_about(A)) == [Verdict.SUPPRESSED, Verdict.REOPENED]
    assert not log.use_file("one", None, run_id=RUN, caller=Caller("ada"))


def test_reopening_a_finding_overrides_an_older_pattern(log: SqlDecisionLog) -> None:
    log.use_file("built", file_of(by_rule("*")), run_id=RUN, caller=Caller("ada"))
    log.decide(decision(Verdict.REOPENED), caller=Caller("ada"))
    active = log.active("built", today=TODAY)
    assert active.decision_on(found()) is None
    assert active.decision_on(found(B)) is not None


def inactive(log: SqlDecisionLog, *, today: date = TODAY, runbook: str | None = None) -> list[tuple[str, str | None]]:
    found = log.inactive(today=today, runbook=runbook)
    return [(entry.reason.value, entry.decision.fingerprint or entry.decision.location) for entry in found]


def test_expired_and_stale_decisions_are_inactive(log: SqlDecisionLog, engine: sa.Engine) -> None:
    past = TODAY - timedelta(days=1)
    entries = [decision(), by_rule("b.txt"), by_rule("[b]*"), by_rule("B*"), by_rule("?.txt", until=past)]
    log.use_file(PLAN.runbook.name, file_of(*entries), run_id=RUN, caller=Caller("ada"))
    log.decide(decision(fingerprint=B, until=TODAY), caller=Caller("ada"))
    assert inactive(log) == [("expired", "?.txt"), ("stale", "[b]*"), ("stale", "B*")]
    assert inactive(log, runbook="other") == []
    tomorrow = TODAY + timedelta(days=1)
    assert inactive(log, today=tomorrow)[:2] == [("expired", "?.txt"), ("expired", B)]
    run_with(engine, [entry("b")])
    assert inactive(log) == [("expired", "?.txt"), ("stale", A), ("stale", "[b]*"), ("stale", "B*")]
    run_with(engine, [])
    assert ("expired", B) not in inactive(log, today=tomorrow)


def test_a_file_is_not_stale_before_a_run_of_its_runbook_is_complete(log: SqlDecisionLog) -> None:
    log.use_file("other", file_of(by_rule("z*")), run_id=RUN, caller=Caller("ada"))
    assert inactive(log) == []


def test_decisions_about_rules_are_returned_with_those_about_a_fingerprint(log: SqlDecisionLog) -> None:
    log.use_file("built", file_of(by_rule("b*"), decision(), by_rule("c*")), run_id=RUN, caller=Caller("ada"))
    found_decisions = log.decisions_about(A, rules=["email_address", "iban"])
    assert [item.location or item.fingerprint for item in found_decisions] == ["b*", A, "c*"]
    assert log.decisions_about(B, rules=["iban"]) == []


@pytest.mark.parametrize("values", [{"reason": "  "}, {"owner": ""}, {"rule": "x"}, {"fingerprint": None}])
def test_a_decision_needs_a_reason_an_owner_and_one_target(values: dict[str, Any]) -> None:
    with pytest.raises(DecisionError):
        decision(**{"fingerprint": A, **values})


def test_every_decision_and_every_changed_file_is_an_event(log: SqlDecisionLog, engine: sa.Engine) -> None:
    log.decide(decision(until=TODAY), caller=Caller("ada"))
    for _ in range(2):
        log.use_file("built", file_of(by_rule("*")), run_id=RUN, caller=Caller("bo"))
    by_hand, by_file = SqlAuditLog(engine).read(kinds=["decision.made", "decision_file.used"])
    assert (by_hand.actor, by_hand.body["fingerprint"], by_hand.body["until"]) == ("user:ada", A, TODAY.isoformat())
    assert (by_file.actor, by_file.body["digest"], by_file.body["run_id"]) == ("user:bo", "1" * 64, RUN)
    assert [item["location"] for item in by_file.body["decisions"]] == ["*"]
