"""Many changes of the current findings are written in several transactions, and seen as one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.database.current.test_current_findings import TOMORROW, pages, statuses
from tests.database.findings.test_finding_history import entry, run_with
from tests.servers.databases import sqlite_url
from waivern.database.current import generations
from waivern.database.current.generations import remove_hidden_generations
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.schema.tables import current_findings, finding_state_cursors, runs
from waivern.history.current_findings import CurrentFinding
from waivern.history.decisions import Decision, Verdict

SCANS: Sequence[Sequence[Any]] = [
    [entry("a"), entry("b"), entry("c")],
    [entry("a"), entry("b", count=2)],
    [entry("a"), entry("d"), entry("e"), entry("f")],
    [],
    [entry("a"), entry("c", count=7), entry("f")],
]


@pytest.fixture
def always_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "_MAX_DIRECT_CHANGES", 0)
    monkeypatch.setattr(generations, "_BATCH_SIZE", 2)


def described(current: CurrentFinding, names: Mapping[str | None, str]) -> tuple[Any, ...]:
    finding = current.finding
    first, last = names[current.first_run], names[current.last_run]
    return finding.fingerprint, current.status.value, finding.match_count, first, last, current.since == current.last_at


def scan_all(engine: sa.Engine) -> Iterator[list[tuple[Any, ...]]]:
    """Scan, decide in between, and yield what is current after each scan."""
    decisions = SqlDecisionLog(engine)
    names: dict[str | None, str] = {None: "none"}
    for number, found in enumerate(SCANS):
        names[run_with(engine, found)] = f"run {number}"
        current = pages(engine)
        if number == 1:
            fingerprint = next(
                finding.finding.fingerprint for finding in current if finding.finding.fingerprint[0] == "b"
            )
            decisions.decide(Decision(Verdict.ACCEPTED, "known", "ann", fingerprint, until=TOMORROW), caller=CALLER)
        yield sorted(described(finding, names) for finding in current)


@pytest.mark.usefixtures("always_staged")
def test_a_generation_shows_what_direct_changes_would_show(
    engine: sa.Engine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = list(scan_all(engine))
    with monkeypatch.context() as patch, migrated(sqlite_url(tmp_path_factory.mktemp("direct"))) as direct:
        patch.setattr(generations, "_MAX_DIRECT_CHANGES", 1000)
        assert staged == list(scan_all(direct))
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(finding_state_cursors)) == 1
        assert connection.scalar(sa.select(sa.func.count()).select_from(current_findings)) == 6


@pytest.mark.usefixtures("always_staged")
def test_nothing_of_a_generation_is_seen_before_the_run_is_closed(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with(engine, SCANS[0])
    seen: list[dict[str, str]] = []
    write = generations._write_rows

    def look(database: sa.Engine, *arguments: Any) -> None:
        write(database, *arguments)
        seen.append(statuses(database))

    monkeypatch.setattr(generations, "_write_rows", look)
    run_with(engine, SCANS[2])
    assert seen
    assert seen == [{"a": "new", "b": "new", "c": "new"}] * len(seen)
    assert statuses(engine) == {"a": "open", "b": "fixed", "c": "fixed", "d": "new", "e": "new", "f": "new"}


@pytest.mark.usefixtures("always_staged")
def test_a_generation_that_a_dead_run_has_left_is_removed(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise InterruptedError("killed")

    run_with(engine, SCANS[0])
    with monkeypatch.context() as patch:
        patch.setattr(generations, "_write_rows", die)
        with pytest.raises(InterruptedError):
            run_with(engine, SCANS[2])
    remove_hidden_generations(engine)
    hidden = sa.select(sa.func.count()).where(finding_state_cursors.c.runbook_name.is_(None))
    with engine.begin() as connection:
        assert connection.scalar(hidden) == 1  # the run may still be writing it
        connection.execute(sa.update(runs).values(status="failed", lease_until=None))
    remove_hidden_generations(engine)
    with engine.connect() as connection:
        assert connection.scalar(hidden) == 0
    assert statuses(engine) == {"a": "new", "b": "new", "c": "new"}


@pytest.mark.usefixtures("always_staged")
def test_a_decision_that_is_made_while_a_generation_is_written_is_applied(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with(engine, SCANS[0])
    fingerprint = pages(engine)[0].finding.fingerprint
    write, decided = generations._write_rows, False

    def decide(database: sa.Engine, *arguments: Any) -> None:
        nonlocal decided
        write(database, *arguments)
        if not decided:
            decided = True
            SqlDecisionLog(database).decide(Decision(Verdict.SUPPRESSED, "no", "ann", fingerprint), caller=CALLER)

    monkeypatch.setattr(generations, "_write_rows", decide)
    run_with(engine, SCANS[0])
    assert decided
    assert sorted(statuses(engine).values()) == ["open", "open", "suppressed"]
