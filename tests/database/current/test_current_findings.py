"""The status of findings as of the newest complete run of their runbook, on both databases."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.database.findings.test_finding_history import PLAN, entry, message, run_with
from waivern import Message
from waivern.database.connection.engine import writing
from waivern.database.current import finding_filters, presences
from waivern.database.current.current_findings import SqlCurrentFindings
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.errors import RunError, UsageError
from waivern.history.current_findings import CurrentFinding, FindingFilter, FindingStatus, Order
from waivern.history.decision_log import DecisionFile
from waivern.history.decisions import Decision, Verdict
from waivern.history.run_records import RunFilter
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of

TODAY = datetime.now(UTC).date()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
ANY = FindingFilter()


def pages(
    engine: sa.Engine,
    finding_filter: FindingFilter = ANY,
    *,
    order: Order = Order.NEWEST,
    after: str | None = None,
    limit: int = 50,
    today: date = TODAY,
) -> list[CurrentFinding]:
    current = SqlCurrentFindings(engine)
    return list(current.page(finding_filter, order=order, after=after, limit=limit, today=today))


def statuses(engine: sa.Engine, finding_filter: FindingFilter = ANY, *, today: date = TODAY) -> dict[str, str]:
    found = pages(engine, finding_filter, today=today)
    return {current.finding.fingerprint[0]: current.status.value for current in found}


def names(found: list[CurrentFinding]) -> str:
    return "".join(current.finding.fingerprint[0] for current in found)


def test_a_finding_is_new_in_its_first_run_and_open_in_the_next(engine: sa.Engine) -> None:
    run_with(engine, [entry("a")])
    assert statuses(engine) == {"a": "new"}
    run_with(engine, [entry("a"), entry("b")])
    assert statuses(engine) == {"a": "open", "b": "new"}
    run_with(engine, [entry("a"), entry("b")])
    assert statuses(engine) == {"a": "open", "b": "open"}


def test_no_finding_is_last_seen_before_it_is_first_seen(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b")])
    assert all(current.first_at <= current.last_at for current in pages(engine))
    run_with(engine, [entry("b")])
    assert all(current.first_at <= current.last_at for current in pages(engine))


def test_a_finding_that_disappears_is_fixed_and_open_when_it_reappears(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a"), entry("b")])
    second = run_with(engine, [entry("b")])
    assert statuses(engine) == {"a": "fixed", "b": "open"}
    (fixed,) = pages(engine, FindingFilter(status=FindingStatus.FIXED))
    assert (fixed.first_run, fixed.last_run) == (first, first)
    run_with(engine, [entry("a"), entry("b")])
    assert statuses(engine) == {"a": "open", "b": "open"}
    assert {current.first_run for current in pages(engine)} == {first}
    assert second not in {current.last_run for current in pages(engine)}


def test_each_run_is_applied_when_it_is_closed(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b")])
    run_with(engine, [entry("b", count=2), entry("c")])
    last = run_with(engine, [entry("b", count=2), entry("d")])
    assert statuses(engine) == {"a": "fixed", "b": "open", "c": "fixed", "d": "new"}
    (b,) = [current for current in pages(engine) if current.finding.fingerprint[0] == "b"]
    assert (b.finding.match_count, b.last_run) == (2, last)


def with_gap(*entries: dict[str, Any], name: str) -> Message:
    made = message(entries)
    analysis = {**made.content["analysis_metadata"], "not_scanned": [{"name": name, "reason": "not UTF-8"}]}
    return Message("", {**made.content, "analysis_metadata": analysis}, made.schema)


def run_holding(engine: sa.Engine, held: Message | None, status: RunStatus = RunStatus.SUCCEEDED) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    if held is not None:
        run.store.save("found", held)
    run.log.close(status)
    return run.run_id


def test_a_finding_at_an_unscanned_location_is_unknown(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b"), entry("c")])
    run_holding(engine, with_gap(entry("b"), name="a.txt"))
    assert statuses(engine) == {"a": "unknown", "b": "open", "c": "fixed"}
    run_holding(engine, None)
    assert statuses(engine) == {"a": "unknown", "b": "unknown", "c": "fixed"}
    run_with(engine, [entry("b")])
    assert statuses(engine) == {"a": "fixed", "b": "open", "c": "fixed"}


def test_an_incomplete_run_is_ignored_once_a_complete_one_exists(engine: sa.Engine) -> None:
    run_holding(engine, message([entry("a")]), RunStatus.FAILED)
    assert statuses(engine) == {"a": "new"}
    run_with(engine, [entry("b")])
    run_holding(engine, message([]), RunStatus.FAILED)
    assert statuses(engine) == {"a": "fixed", "b": "new"}


def test_a_reanalysis_changes_no_status(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    second = run_with(engine, [entry("a"), entry("b")])
    before = statuses(engine)
    again = reanalysis_with(engine, first, [entry("c")])
    assert before == {"a": "open", "b": "new"}
    assert statuses(engine) == before
    run_with(engine, [entry("b"), entry("c")])
    assert statuses(engine) == {"a": "fixed", "b": "open", "c": "new"}
    history = SqlHistory(engine)
    assert history.find(again).reanalysis_of == first
    assert again not in [run.id for run in history.recent(RunFilter(without_reanalyses=True), limit=9)]
    newest = history.find_artifact(from_run="latest", artifact_id="found", runbook=PLAN.runbook.name)
    assert newest.run_id not in (first, second, again)
    reanalysis_with(engine, first, [entry("c")])
    latest = history.find_artifact(from_run="latest", artifact_id="found", runbook=PLAN.runbook.name)
    assert latest.run_id == newest.run_id


def test_a_finding_of_a_reanalysis_only_is_listed_after_the_next_scan(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    reanalysis_with(engine, first, [entry("a"), entry("c")])
    assert statuses(engine) == {"a": "new"}
    run_with(engine, [entry("a"), entry("c")])
    assert statuses(engine) == {"a": "open", "c": "new"}
    reanalysis_with(engine, first, [entry("a"), entry("d")])
    assert statuses(engine) == {"a": "open", "c": "new"}
    run_with(engine, [entry("a")])
    assert statuses(engine) == {"a": "open", "c": "fixed", "d": "fixed"}
    reanalysis_with(engine, first, [entry("a"), entry("e")])
    run_with(engine, [entry("a")])
    assert statuses(engine) == {"a": "open", "c": "fixed", "d": "fixed", "e": "fixed"}


def test_a_reanalysis_that_overtakes_a_scan_leaves_unknown_findings_until_the_next_scan(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    scan = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    reanalysis_with(engine, first, [entry("a"), entry("b")])
    scan.store.save("found", message([entry("a")]))
    scan.log.close(RunStatus.SUCCEEDED)
    assert statuses(engine) == {"a": "open", "b": "unknown"}
    run_with(engine, [entry("a")])
    assert statuses(engine) == {"a": "open", "b": "fixed"}


def test_a_failed_run_is_applied_again_when_it_is_resumed_and_succeeds(engine: sa.Engine) -> None:
    failed = run_holding(engine, message([entry("a")]), RunStatus.FAILED)
    assert statuses(engine) == {"a": "new"}
    resumed = SqlRunStore(engine).resume(failed, PLAN, caller=CALLER)
    resumed.store.save("again", message([entry("b")]))
    resumed.log.close(RunStatus.SUCCEEDED)
    assert statuses(engine) == {"a": "new", "b": "new"}


def test_a_reanalysis_cannot_be_resumed(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a")])
    again = reanalysis_with(engine, first, [entry("a")], RunStatus.FAILED)
    with pytest.raises(RunError, match="is a reanalysis"):
        SqlRunStore(engine).resume(again, PLAN, caller=CALLER)
    assert SqlHistory(engine).find(again).status is RunStatus.FAILED


def reanalysis_with(
    engine: sa.Engine, of: str, entries: Sequence[dict[str, Any]], status: RunStatus = RunStatus.SUCCEEDED
) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="reanalysis", reanalysis_of=of, caller=CALLER)
    run.store.save("source", message_of(found=1))
    run.store.save("found", message(entries, "2"))
    run.log.close(status)
    return run.run_id


def test_unchanged_findings_are_not_written(engine: sa.Engine) -> None:
    for _ in range(2):
        run_with(engine, [entry("a"), entry("b")])
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE current_findings SET location = 'left alone'"))
    run_with(engine, [entry("a"), entry("b")])
    assert {current.finding.location for current in pages(engine)} == {"left alone"}


def decide(engine: sa.Engine, verdict: Verdict, name: str, until: date | None = None) -> None:
    SqlDecisionLog(engine).decide(Decision(verdict, "why", "who", name * 32, until=until), caller=CALLER)


def test_a_decision_applies_at_once_and_to_later_runs(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b"), entry("c")])
    decide(engine, Verdict.SUPPRESSED, "a")
    decide(engine, Verdict.ACCEPTED, "b")
    decide(engine, Verdict.SUPPRESSED, "c", until=YESTERDAY)
    assert statuses(engine) == {"a": "suppressed", "b": "accepted", "c": "new"}
    assert statuses(engine, FindingFilter(status=FindingStatus.SUPPRESSED)) == {"a": "suppressed"}
    assert statuses(engine, FindingFilter(status=FindingStatus.OPEN)) == {"c": "new"}
    run_with(engine, [])
    assert statuses(engine) == {"a": "fixed", "b": "fixed", "c": "fixed"}
    run_with(engine, [entry("a"), entry("b")])
    decide(engine, Verdict.REOPENED, "b")
    assert statuses(engine) == {"a": "suppressed", "b": "open", "c": "fixed"}


def test_a_verdict_expires_without_a_write(engine: sa.Engine) -> None:
    run_with(engine, [entry("a"), entry("b")])
    decide(engine, Verdict.SUPPRESSED, "a", until=TODAY)
    assert statuses(engine) == {"a": "suppressed", "b": "new"}
    assert statuses(engine, today=TOMORROW) == {"a": "new", "b": "new"}
    assert statuses(engine, FindingFilter(status=FindingStatus.SUPPRESSED), today=TOMORROW) == {}
    assert statuses(engine, FindingFilter(status=FindingStatus.NEW), today=TOMORROW) == {"a": "new", "b": "new"}


def test_when_a_verdict_expires_an_older_decision_applies_again(engine: sa.Engine) -> None:
    """As for gates and exports, which ask for the active decisions."""
    run_with(engine, [entry("a"), entry("b")])
    log, runbook = SqlDecisionLog(engine), PLAN.runbook.name
    accepted = Decision(Verdict.ACCEPTED, "why", "who", rule="email_address", location="a*")
    log.use_file(runbook, DecisionFile("file", "1" * 64, [accepted]), run_id="0" * 36, caller=CALLER)
    decide(engine, Verdict.SUPPRESSED, "a", until=TODAY)
    assert statuses(engine) == {"a": "suppressed", "b": "new"}
    for status, expected in {None: {"a": "accepted", "b": "new"}, FindingStatus.ACCEPTED: {"a": "accepted"}}.items():
        for order in Order:
            found = pages(engine, FindingFilter(status=status), order=order, today=TOMORROW)
            assert {current.finding.fingerprint[0]: current.status.value for current in found} == expected
            decisions = log.active(runbook, today=TOMORROW)
            for current in found:
                decision = decisions.decision_on(current.finding)
                assert (None if decision is None else decision.verdict) == (
                    None if current.status is FindingStatus.NEW else current.status
                )
    assert statuses(engine, FindingFilter(status=FindingStatus.OPEN), today=TOMORROW) == {"b": "new"}


@pytest.mark.parametrize("saves_again", [False, True])
def test_what_changes_while_a_run_is_being_closed_is_applied(engine: sa.Engine, saves_again: bool) -> None:
    """The changes are computed before the transaction that closes the run, and again if they are outdated by then."""
    run_with(engine, [entry("a")])
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("found", message([entry("a"), entry("b")]))
    prepare: Callable[[RunStatus], Any] = run.log._prepare_refresh  # type: ignore[attr-defined]

    def prepare_and_change(status: RunStatus) -> Any:
        prepared = prepare(status)
        decide(engine, Verdict.ACCEPTED, "a")
        if saves_again:
            run.store.save("found", message([entry("a"), entry("c")]))
        suppressed = Decision(Verdict.SUPPRESSED, "why", "who", rule="email_address", location="b*")
        file = DecisionFile("file", "1" * 64, [suppressed])
        SqlDecisionLog(engine).use_file(PLAN.runbook.name, file, run_id=run.run_id, caller=CALLER)
        return prepared

    run.log._prepare_refresh = prepare_and_change  # type: ignore[attr-defined]
    run.log.close(RunStatus.SUCCEEDED)
    others = {"b": "fixed", "c": "new"} if saves_again else {"b": "suppressed"}
    assert statuses(engine) == {"a": "accepted", **others}


def test_pages_are_filled_although_some_verdicts_have_expired(engine: sa.Engine) -> None:
    run_with(engine, [entry(name) for name in "abcdef"])
    for name in "abcd":
        decide(engine, Verdict.SUPPRESSED, name, until=TODAY)
    for name in "cd":
        decide(engine, Verdict.SUPPRESSED, name)
    for status, expected in {FindingStatus.SUPPRESSED: "dc", FindingStatus.OPEN: "feba"}.items():
        found: list[CurrentFinding] = []
        while page := pages(
            engine,
            FindingFilter(status=status),
            after=found[-1].key if found else None,
            limit=1,
            today=TOMORROW,
        ):
            found += page
        assert names(found) == expected


@pytest.fixture
def many(engine: sa.Engine) -> sa.Engine:
    """Return a database with findings that differ in everything that can be filtered."""
    run_with(engine, [entry("a", severity="high"), entry("b", category="health", severity="critical")])
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
def test_findings_can_be_filtered(
    many: sa.Engine, wanted: FindingFilter, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each limit of ids and locations, and in both orders."""
    for few, few_locations in product((0, 1, 5_000), repeat=2):
        monkeypatch.setattr(finding_filters, "_MAX_IDS", few)
        monkeypatch.setattr(finding_filters, "_MAX_LOCATIONS", few_locations)
        for order in Order:
            assert sorted(names(pages(many, wanted, order=order))) == sorted(found), (few, few_locations, order)


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("status", [None, FindingStatus.OPEN])
def test_pages_are_complete_and_in_order(many: sa.Engine, order: Order, status: FindingStatus | None) -> None:
    wanted = FindingFilter(status=status)
    whole = pages(many, wanted, order=order)
    assert len(whole) == 4
    one_by_one: list[CurrentFinding] = []
    while page := pages(many, wanted, order=order, after=one_by_one[-1].key if one_by_one else None, limit=1):
        one_by_one += page
    assert one_by_one == whole
    if order is Order.SEVERITY:
        assert [current.finding.severity for current in whole] == ["critical", "high", "medium", "low"]


def test_an_invalid_key_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(UsageError, match="'7' is not a valid key"):
        pages(engine, after="7")


def test_a_finding_lists_the_runs_in_which_it_was_present(engine: sa.Engine) -> None:
    made = [run_with(engine, held) for held in ([entry("a")], [entry("a")], [], [entry("a")], [entry("a", count=3)])]
    of_a = SqlCurrentFindings(engine).presences_of("a" * 32)
    found = [(presence.first_run, presence.last_run, presence.runs, presence.finding.match_count) for presence in of_a]
    assert found == [
        (made[0], made[1], 2, 1),
        (made[3], made[3], 1, 1),
        (made[4], made[4], 1, 3),
    ]
    assert SqlCurrentFindings(engine).fingerprints("aaaa", limit=5) == ["a" * 32]
    assert SqlCurrentFindings(engine).fingerprints("b", limit=5) == []


def test_a_presence_before_the_runs_that_are_read_is_not_counted(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "MAX_READ_RUNS", 3)
    held = ([entry("a"), entry("b")], [entry("a")], [], [entry("a")], [entry("a")])
    made = [run_with(engine, entries) for entries in held]
    of_a, of_b = (SqlCurrentFindings(engine).presences_of(name * 32) for name in "ab")
    assert [(one.first_run, one.last_run, one.runs) for one in of_a] == [(made[0], made[4], None)]
    assert [(one.first_run, one.last_run, one.runs) for one in of_b] == [(made[0], made[0], None)]
