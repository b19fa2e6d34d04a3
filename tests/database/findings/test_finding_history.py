"""The findings of each run on both databases; unchanged findings add no rows."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from waivern import Message, Schema
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import finding_snapshots, findings
from waivern.history.finding import Finding, findings_in
from waivern.runs.run import RunStatus, utc_now
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"source": [], "found": ["source"], "again": ["found"]})
INDICATOR = Schema("personal_data_indicator", "1.0.0")


def entry(name: str, *, count: int = 1, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    return {
        "fingerprint": name * 32,
        "category": "email",
        "rule": "email_address",
        "location": {"file_path": f"{name}.txt", "lines": [count]},
        "evidence": [],
        "matched_patterns": [{"pattern": "value: address", "match_count": count}],
        "confidence": confidence,
        "severity": "medium",
        "metadata": {"source": "files"},
        **more,
    }


def message(entries: Sequence[dict[str, Any]], version: str = "1") -> Message:
    analysis = {"ruleset": "local/x/1.0.0", "rules_version": version, "scanned": 1}
    return Message("", {"findings": list(entries), "summary": {}, "analysis_metadata": analysis}, INDICATOR)


def run_with(engine: sa.Engine, entries: Sequence[dict[str, Any]], version: str = "1") -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("source", message_of(found=1))
    run.store.save("found", message(entries, version))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def names_of(engine: sa.Engine, run_id: str) -> list[str]:
    return [finding.fingerprint[0] for _, finding in SqlHistory(engine).findings_of(run_id)]


def test_findings_are_sorted_by_the_bytes_of_their_locations(engine: sa.Engine) -> None:
    assert names_of(engine, run_with(engine, [entry("a"), entry("Z"), entry("B"), entry("_")])) == ["B", "Z", "_", "a"]


def test_the_findings_of_each_run_are_returned_as_they_were(engine: sa.Engine) -> None:
    first = run_with(engine, [entry("a"), entry("b")])
    second = run_with(engine, [entry("b", count=2), entry("c")], version="2")
    third = run_with(engine, [])
    history = SqlHistory(engine)
    assert (names_of(engine, first), names_of(engine, second), names_of(engine, third)) == (["a", "b"], ["b", "c"], [])
    (artifact_id, finding) = history.findings_of(second)[0]
    assert (artifact_id, finding.match_count, finding.location, finding.source) == ("found", 2, "b.txt", "files")
    assert [history.snapshots_of(run)["found"].rules_version for run in (first, second, third)] == ["1", "2", "1"]
    assert set(history.snapshots_of(third)) == {"found"}


def test_a_finding_counts_once_however_many_artifacts_hold_it(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    for artifact_id in ("found", "again"):
        run.store.save(artifact_id, message([entry("a"), entry("b"), entry("c", severity="high")]))
    assert SqlHistory(engine).finding_counts_of(run.run_id) == {"medium": 2, "high": 1}
    run.log.close(RunStatus.SUCCEEDED)
    assert SqlHistory(engine).finding_counts_of(run_with(engine, [])) == {}


def test_unchanged_findings_add_no_rows(engine: sa.Engine) -> None:
    for _ in range(3):
        run_with(engine, [entry("a"), entry("b")])
    run_with(engine, [entry("a"), entry("b"), entry("c")])
    again = run_with(engine, [entry("a"), entry("b")])
    with engine.connect() as connection:
        numbers = [
            connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in (findings, finding_snapshots)
        ]
    assert numbers == [3, 2]
    assert names_of(engine, again) == ["a", "b"]


def test_fingerprints_seen_before_an_instant_are_returned(engine: sa.Engine) -> None:
    run_with(engine, [entry("a")])
    between = utc_now()
    run_with(engine, [entry("b")])
    history = SqlHistory(engine)
    wanted = [name * 32 for name in "abc"]
    assert history.seen_before("built", wanted, before=between) == set()
    name = _runbook_name(engine)
    assert history.seen_before(name, wanted, before=between) == {"a" * 32}
    assert history.seen_before(name, wanted, before=utc_now()) == {"a" * 32, "b" * 32}


def _runbook_name(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(sa.text("SELECT runbook_name FROM runs LIMIT 1")))


def test_a_message_without_findings_has_no_snapshot(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("found", Message("", {"findings": "odd"}, Schema("any", "1.0.0")))
    run.store.save("again", Message("", {"findings": [{"no": "fingerprint"}]}, Schema("any", "1.0.0")))
    run.log.close(RunStatus.SUCCEEDED)
    assert SqlHistory(engine).snapshots_of(run.run_id) == {}


def test_saving_again_replaces_findings_and_clearing_removes_them(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("found", message([entry("a")]))
    run.store.save("found", message([entry("b")]))
    assert names_of(engine, run.run_id) == ["b"]
    run.store.clear()
    assert names_of(engine, run.run_id) == []
    run.log.close(RunStatus.FAILED)


def test_entries_with_the_same_fingerprint_are_combined() -> None:
    found = findings_in(message([entry("a", count=2, confidence=0.5), entry("a", count=3, special_category=True)]))
    assert found == [Finding("a" * 32, "email_address", "email", "medium", True, "files", "a.txt", 0.9, 5)]


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 2)), min_size=1, max_size=6))
def test_any_sequence_of_runs_is_returned_as_it_was(engine: sa.Engine, runs: list[dict[str, int]]) -> None:
    made = [run_with(engine, [entry(name, count=count) for name, count in run.items()]) for run in runs]
    for run_id, run in zip(made, runs, strict=True):
        finding = {finding.fingerprint[0]: finding.match_count for _, finding in SqlHistory(engine).findings_of(run_id)}
        assert finding == run
