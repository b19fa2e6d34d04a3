"""What every database remembers of decisions: all of them, of which the newest about the same counts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.database.current.test_finding_history import PLAN, entry, run_with
from waivern.database.audit_log import SqlAuditLog
from waivern.database.current.current_findings import SqlCurrentFindings
from waivern.database.current.decision_log import SqlDecisionLog
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
    said = {"reason": "a test account", "owner": "dpo@example.org", **more}
    return Decision(verdict, fingerprint=fingerprint, **said)


def found(fingerprint: str = A, *, rule: str = "email_address", location: str = "a.txt") -> Finding:
    return Finding(fingerprint, rule, "email", "medium", None, "files", location, 0.9, 1)


def by_rule(location: str, **more: Any) -> Decision:
    return decision(fingerprint=None, rule="email_address", location=location, **more)


def file_of(*decisions: Decision, digest: str = "1") -> DecisionFile:
    return DecisionFile("waivern-decisions.yaml", digest * 64, decisions)


def verdicts(decisions: Sequence[Decision]) -> list[Verdict]:
    return [each.verdict for each in decisions]


def test_a_decision_is_kept_with_who_made_it_and_when(log: SqlDecisionLog) -> None:
    kept = log.decide(decision(until=TODAY), by="ada on host")
    assert (kept.decided_by, kept.owner, kept.until) == ("ada on host", "dpo@example.org", TODAY)
    assert kept.decided_at is not None
    assert abs((datetime.now(UTC) - kept.decided_at).total_seconds()) < 60
    assert log.about(A) == [kept]
    assert log.about(B) == []


def test_the_newest_about_a_finding_counts_and_none_is_lost(log: SqlDecisionLog) -> None:
    for verdict in (Verdict.SUPPRESSED, Verdict.ACCEPTED):
        log.decide(decision(verdict), by="ada")
    counting = log.in_force("built", today=TODAY).on(found())
    assert counting is not None
    assert counting.verdict is Verdict.ACCEPTED
    log.decide(decision(Verdict.REOPENED), by="ada")
    assert log.in_force("built", today=TODAY).on(found()) is None
    assert verdicts(log.about(A)) == [Verdict.SUPPRESSED, Verdict.ACCEPTED, Verdict.REOPENED]


def test_a_decision_counts_until_the_end_of_its_last_day(log: SqlDecisionLog) -> None:
    log.decide(decision(until=TODAY), by="ada")
    assert log.in_force("built", today=TODAY).on(found()) is not None
    tomorrow = log.in_force("built", today=date(2026, 11, 26))
    assert tomorrow.on(found()) is None
    assert [each.fingerprint for each in tomorrow.expired] == [A]


def test_what_no_run_has_found_cannot_be_decided_about(log: SqlDecisionLog) -> None:
    with pytest.raises(DecisionError, match="No run has found 'cccc"):
        log.decide(decision(fingerprint="c" * 32), by="ada")
    assert log.about("c" * 32) == []


def test_a_file_speaks_for_its_runbook_by_fingerprint_or_by_rule_and_place(log: SqlDecisionLog) -> None:
    assert log.use_file("one", file_of(decision(), by_rule("b*")), run_id=RUN, by="ada")
    one, other = log.in_force("one", today=TODAY), log.in_force("other", today=TODAY)
    assert one.on(found(A)) is not None
    assert one.on(found(B, location="b.txt")) is not None
    assert one.on(found(B, location="c/b.txt")) is None
    assert one.on(found(B, location="b.txt", rule="iban")) is None
    assert other.on(found(A)) is None


def test_a_file_that_is_the_same_decides_nothing_anew(log: SqlDecisionLog) -> None:
    assert log.use_file("one", file_of(decision()), run_id=RUN, by="ada")
    assert not log.use_file("one", file_of(decision()), run_id=RUN, by="ada")
    assert log.use_file("one", file_of(decision(), decision(fingerprint=B), digest="2"), run_id=RUN, by="ada")
    assert len(log.about(A)) == 1


def test_what_a_file_no_longer_holds_is_open_again(log: SqlDecisionLog) -> None:
    log.use_file("one", file_of(decision(), by_rule("*")), run_id=RUN, by="ada")
    assert log.use_file("one", None, run_id=RUN, by="ada")
    assert log.in_force("one", today=TODAY).on(found()) is None
    assert verdicts(log.about(A)) == [Verdict.SUPPRESSED, Verdict.REOPENED]
    assert not log.use_file("one", None, run_id=RUN, by="ada")


def test_a_finding_that_is_reopened_by_hand_is_open_in_spite_of_an_older_pattern(log: SqlDecisionLog) -> None:
    log.use_file("built", file_of(by_rule("*")), run_id=RUN, by="ada")
    log.decide(decision(Verdict.REOPENED), by="ada")
    in_force = log.in_force("built", today=TODAY)
    assert in_force.on(found()) is None
    assert in_force.on(found(B)) is not None


def settled(engine: sa.Engine) -> None:
    SqlCurrentFindings(engine).settle(today=TODAY)


def lapsed(log: SqlDecisionLog, **asked: Any) -> list[tuple[str, str | None]]:
    told = log.lapsed(today=asked.pop("today", TODAY), **asked)
    return [(each.why.value, each.decision.fingerprint or each.decision.location) for each in told]


def test_what_has_expired_or_matches_nothing_counts_no_more(log: SqlDecisionLog, engine: sa.Engine) -> None:
    settled(engine)
    past = TODAY - timedelta(days=1)
    entries = [decision(), by_rule("b.txt"), by_rule("[b]*"), by_rule("B*"), by_rule("?.txt", until=past)]
    log.use_file(PLAN.runbook.name, file_of(*entries), run_id=RUN, by="ada")
    log.decide(decision(fingerprint=B, until=TODAY), by="ada")
    assert lapsed(log) == [("expired", "?.txt"), ("stale", "[b]*"), ("stale", "B*")]
    assert lapsed(log, runbook="other") == []
    tomorrow = TODAY + timedelta(days=1)
    assert lapsed(log, today=tomorrow)[:2] == [("expired", "?.txt"), ("expired", B)]
    run_with(engine, [entry("b")])
    settled(engine)
    assert lapsed(log) == [("expired", "?.txt"), ("stale", A), ("stale", "[b]*"), ("stale", "B*")]
    run_with(engine, [])
    settled(engine)
    assert ("expired", B) not in lapsed(log, today=tomorrow)


def test_a_file_is_not_stale_before_a_run_of_its_runbook_is_complete(log: SqlDecisionLog) -> None:
    log.use_file("other", file_of(by_rule("z*")), run_id=RUN, by="ada")
    assert lapsed(log) == []


def test_decisions_about_a_rule_are_found_beside_those_about_a_fingerprint(log: SqlDecisionLog) -> None:
    log.use_file("built", file_of(by_rule("b*"), decision(), by_rule("c*")), run_id=RUN, by="ada")
    told = log.about(A, rules=["email_address", "iban"])
    assert [each.location or each.fingerprint for each in told] == ["b*", A, "c*"]
    assert log.about(B, rules=["iban"]) == []


@pytest.mark.parametrize("said", [{"reason": "  "}, {"owner": ""}, {"rule": "x"}, {"fingerprint": None}])
def test_a_decision_needs_a_reason_an_owner_and_one_thing_that_it_is_about(said: dict[str, Any]) -> None:
    with pytest.raises(DecisionError):
        decision(**{"fingerprint": A, **said})


def test_every_decision_is_an_event_and_so_is_a_file_that_is_another(log: SqlDecisionLog, engine: sa.Engine) -> None:
    log.decide(decision(until=TODAY), by="ada")
    for _ in range(2):
        log.use_file("built", file_of(by_rule("*")), run_id=RUN, by="bo")
    by_hand, by_file = SqlAuditLog(engine).read(kinds=["decision.made", "decision_file.used"])
    assert (by_hand.actor, by_hand.body["fingerprint"], by_hand.body["until"]) == ("ada", A, TODAY.isoformat())
    assert (by_file.actor, by_file.body["digest"], by_file.body["run_id"]) == ("bo", "1" * 64, RUN)
    assert [each["location"] for each in by_file.body["decided"]] == ["*"]
