"""How findings stand by the newest complete run of their runbook, on every database."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.database.current.test_finding_history import PLAN, entry, message, run_with
from waivern import Message
from waivern.database.connection.engine import writing
from waivern.database.current import finding_filters
from waivern.database.current.current_findings import SqlCurrentFindings
from waivern.database.current.decision_log import SqlDecisionLog
from waivern.database.runs.run_history import SqlRunHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.errors import RunError, UsageError
from waivern.history.current_findings import CurrentFinding, FindingFilter, FindingStatus, Order
from waivern.history.decisions import Decision, Verdict
from waivern.history.run_history import RunFilter
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of

TODAY = datetime.now(UTC).date()
ANY = FindingFilter()


def pages(
    engine: sa.Engine,
    wanted: FindingFilter = ANY,
    *,
    order: Order = Order.NEWEST,
    after: str | None = None,
    limit: int = 50,
) -> list[CurrentFinding]:
    known = SqlCurrentFindings(engine)
    known.settle(today=TODAY)
    return list(known.page(wanted, order=order, after=after, limit=limit, today=TODAY))


def standing(engine: sa.Engine, wanted: FindingFilter = ANY) -> dict[str, str]:
    return {each.finding.fingerprint[0]: each.status.value for each in pages(engine, wanted)}


def names(found: list[CurrentFinding]) -> str:
    return "".join(each.finding.fingerprint[0] for each in found)


def test_what_the_first_run_finds_is_new_and_open_once_another_finds_it(engine: sa.Engine) -> None:
    run_with(engine, [entry("a")])
    assert standing(engine) == {"a": "new"}
    run_with(engine, [entry("a"), entry("b")])
    assert standing(engine) == {"a": "open", "b": "new"}
    run_with(engine, [entry("a"), entry("b")])
    assert standing(engine) == {"a": "open", "b": "open"}


def test_nothing_is_seen_last_before_it_is_seen_first(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b")])
    assert all(each.first_at <= each.last_at for each in pages(engine))
    run_with(engine, [entry("b")])
    assert all(each.first_at <= each.last_at for each in pages(engine))


def test_what_is_gone_is_fixed_and_open_when_it_comes_back(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a"), entry("b")])
    standing(engine)
    second = run_with(engine, [entry("b")])
    assert standing(engine) == {"a": "fixed", "b": "open"}
    (fixed,) = pages(engine, FindingFilter(status=FindingStatus.FIXED))
    assert (fixed.first_run, fixed.last_run) == (first, first)
    run_with(engine, [entry("a"), entry("b")])
    assert standing(engine) == {"a": "open", "b": "open"}
    assert {each.first_run for each in pages(engine)} == {first}
    assert second not in {each.last_run for each in pages(engine)}


def test_it_makes_no_difference_how_often_one_looks(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b")])
    run_with(engine, [entry("b", count=2), entry("c")])
    last = run_with(engine, [entry("b", count=2), entry("d")])
    assert standing(engine) == {"a": "fixed", "b": "open", "c": "fixed", "d": "new"}
    (b,) = [each for each in pages(engine) if each.finding.fingerprint[0] == "b"]
    assert (b.finding.match_count, b.last_run) == (2, last)


def left_out(*entries: dict[str, Any], what: str) -> Message:
    made = message(entries)
    analysis = {**made.content["analysis_metadata"], "not_scanned": [{"name": what, "reason": "not UTF-8"}]}
    return Message("", {**made.content, "analysis_metadata": analysis}, made.schema)


def run_holding(engine: sa.Engine, held: Message | None, status: RunStatus = RunStatus.SUCCEEDED) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    if held is not None:
        run.store.save("found", held)
    run.log.close(status)
    return run.run_id


def test_what_was_not_looked_at_is_unknown_and_never_fixed(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b"), entry("c")])
    standing(engine)
    run_holding(engine, left_out(entry("b"), what="a.txt"))
    assert standing(engine) == {"a": "unknown", "b": "open", "c": "fixed"}
    run_holding(engine, None)
    assert standing(engine) == {"a": "unknown", "b": "unknown", "c": "fixed"}
    run_with(engine, [entry("b")])
    assert standing(engine) == {"a": "fixed", "b": "open", "c": "fixed"}


def test_a_run_that_did_not_complete_says_nothing_where_one_did(engine: sa.Engine) -> None:
    run_holding(engine, message([entry("a")]), RunStatus.FAILED)
    assert standing(engine) == {"a": "new"}
    run_with(engine, [entry("b")])
    run_holding(engine, message([]), RunStatus.FAILED)
    assert standing(engine) == {"a": "fixed", "b": "new"}


def test_a_reanalysis_says_nothing_of_how_things_are_and_fixes_nothing(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    second = run_with(engine, [entry("a"), entry("b")])
    before = standing(engine)
    again = reanalysis_with(engine, first, [entry("c")])
    assert before == {"a": "open", "b": "new"}
    assert standing(engine) == before
    run_with(engine, [entry("b"), entry("c")])
    assert standing(engine) == {"a": "fixed", "b": "open", "c": "new"}
    history = SqlRunHistory(engine)
    assert history.find(again).reanalysis_of == first
    assert again not in [run.id for run in history.recent(RunFilter(without_reanalyses=True), limit=9)]
    newest = history.find_artifact(from_run="latest", artifact_id="found", runbook=PLAN.runbook.name)
    assert newest.run_id not in (first, second, again)
    reanalysis_with(engine, first, [entry("c")])
    latest = history.find_artifact(from_run="latest", artifact_id="found", runbook=PLAN.runbook.name)
    assert latest.run_id == newest.run_id


def test_what_only_a_reanalysis_found_is_unknown_until_a_scan_has_looked(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    reanalysis_with(engine, first, [entry("a"), entry("c")])
    assert standing(engine) == {"a": "new", "c": "unknown"}
    run_with(engine, [entry("a"), entry("c")])
    reanalysis_with(engine, first, [entry("a"), entry("d")])
    assert standing(engine) == {"a": "open", "c": "open", "d": "unknown"}
    run_with(engine, [entry("a")])
    assert standing(engine) == {"a": "open", "c": "fixed", "d": "fixed"}
    reanalysis_with(engine, first, [entry("a"), entry("e")])
    run_with(engine, [entry("a")])
    assert standing(engine) == {"a": "open", "c": "fixed", "d": "fixed", "e": "fixed"}


def test_a_reanalysis_cannot_be_taken_up(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    again = reanalysis_with(engine, first, [entry("a")], RunStatus.FAILED)
    with pytest.raises(RunError, match="is a reanalysis"):
        SqlRunStore(engine).resume(again, PLAN, caller=CALLER)
    assert SqlRunHistory(engine).find(again).status is RunStatus.FAILED


def reanalysis_with(
    engine: sa.Engine, of: str, entries: Sequence[dict[str, Any]], status: RunStatus = RunStatus.SUCCEEDED
) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="reanalysis", reanalysis_of=of, caller=CALLER)
    run.store.save("source", message_of(found=1))
    run.store.save("found", message(entries, "2"))
    run.log.close(status)
    return run.run_id


def test_what_does_not_change_is_not_written(engine: sa.Engine) -> None:
    for _ in range(2):
        run_with(engine, [entry("a"), entry("b")])
        standing(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE current_findings SET location = 'left alone'"))
    run_with(engine, [entry("a"), entry("b")])
    assert {each.finding.location for each in pages(engine)} == {"left alone"}


def decide(engine: sa.Engine, verdict: Verdict, name: str, until: date | None = None) -> None:
    SqlDecisionLog(engine).decide(Decision(verdict, "why", "who", name * 32, until=until), by="ada")


def test_a_decision_counts_at_once_and_for_what_is_found_later(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b"), entry("c")])
    standing(engine)
    decide(engine, Verdict.SUPPRESSED, "a")
    decide(engine, Verdict.ACCEPTED, "b")
    decide(engine, Verdict.SUPPRESSED, "c", until=TODAY - timedelta(days=1))
    assert standing(engine) == {"a": "suppressed", "b": "accepted", "c": "new"}
    assert standing(engine, FindingFilter(status=FindingStatus.SUPPRESSED)) == {"a": "suppressed"}
    assert standing(engine, FindingFilter(status=FindingStatus.OPEN)) == {"c": "new"}
    run_with(engine, [])
    assert standing(engine) == {"a": "fixed", "b": "fixed", "c": "fixed"}
    run_with(engine, [entry("a"), entry("b")])
    decide(engine, Verdict.REOPENED, "b")
    assert standing(engine) == {"a": "suppressed", "b": "open", "c": "fixed"}


@pytest.fixture
def many(engine: sa.Engine) -> sa.Engine:
    """A database with findings that differ in all that can be asked for."""
    run_with(engine, [entry("a", severity="high"), entry("b", category="health", severity="critical")])
    standing(engine)
    run_with(
        engine,
        [
            entry("a", severity="high"),
            entry("b", category="health", severity="critical"),
            entry("c", location={"table": "People", "column": "e%m_ail"}, severity="low"),
            entry("d", location={"file_path": "x[1].txt"}),
        ],
    )
    return engine


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (FindingFilter(category="health"), "b"),
        (FindingFilter(severity="high"), "a"),
        (FindingFilter(location="People.*"), "c"),
        (FindingFilter(location="people.*"), ""),
        (FindingFilter(location="People.e%m?ail"), "c"),
        (FindingFilter(location="People.e_m?ail"), ""),
        (FindingFilter(location="*.txt"), "dba"),
        (FindingFilter(location="x[1].*"), "d"),
        (FindingFilter(location="a.txt"), "a"),
        (FindingFilter(status=FindingStatus.NEW), "dc"),
        (FindingFilter(status=FindingStatus.OPEN), "dcba"),
        (FindingFilter(status=FindingStatus.OPEN, severity="high", location="a*"), "a"),
        (FindingFilter(runbook="no such"), ""),
        (FindingFilter(category="email", severity="high", location="*.txt"), "a"),
        (FindingFilter(status=FindingStatus.NEW, severity="low", location="*m_ail"), "c"),
        (FindingFilter(since=datetime.now(UTC) + timedelta(hours=1)), ""),
    ],
)
def test_one_can_ask_for_some(
    many: sa.Engine, wanted: FindingFilter, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many places there are for few, and findings at them; in either order."""
    for few, few_places in product((0, 1, 5_000), repeat=2):
        monkeypatch.setattr(finding_filters, "_FEW", few)
        monkeypatch.setattr(finding_filters, "_FEW_PLACES", few_places)
        for order in Order:
            assert sorted(names(pages(many, wanted, order=order))) == sorted(found), (few, few_places, order)


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("status", [None, FindingStatus.OPEN])
def test_pages_follow_one_another_without_gap(many: sa.Engine, order: Order, status: FindingStatus | None) -> None:
    wanted = FindingFilter(status=status)
    whole = pages(many, wanted, order=order)
    assert len(whole) == 4
    one_by_one: list[CurrentFinding] = []
    while page := pages(many, wanted, order=order, after=one_by_one[-1].key if one_by_one else None, limit=1):
        one_by_one += page
    assert one_by_one == whole
    if order is Order.SEVERITY:
        assert [each.finding.severity for each in whole] == ["critical", "high", "medium", "low"]


def test_a_key_that_is_none_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(UsageError, match="'7' is no key"):
        pages(engine, after="7")


def test_a_finding_tells_in_which_runs_it_stayed(engine: sa.Engine) -> None:
    made = [run_with(engine, held) for held in ([entry("a")], [entry("a")], [], [entry("a")], [entry("a", count=3)])]
    stays = SqlCurrentFindings(engine).stays_of("a" * 32)
    assert [(stay.first_run, stay.last_run, stay.runs, stay.finding.match_count) for stay in stays] == [
        (made[0], made[1], 2, 1),
        (made[3], made[3], 1, 1),
        (made[4], made[4], 1, 3),
    ]
    assert SqlCurrentFindings(engine).fingerprints("aaaa", limit=5) == ["a" * 32]
    assert SqlCurrentFindings(engine).fingerprints("b", limit=5) == []
