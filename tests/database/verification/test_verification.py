"""Verification on every database: each changed, added or deleted value is reported with its record."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from tests.builders.thoroughness import examples
from tests.database.archive.test_archiving import another_sqlite, moved
from waivern import Message, Schema, WaivernError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.engine import open_engine
from waivern.database.connection.keyring import new_key, read_keyring
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.artifact_view import artifact_view, run_number_of
from waivern.database.schema.tables import (
    artifact_attempts,
    artifact_declarations,
    artifacts,
    blob_keys,
    blobs,
    decisions,
    events,
    finding_snapshots,
    finding_streams,
    findings,
    imported_events,
    overviews,
    run_attempts,
    runbooks,
    runs,
)
from waivern.database.verification.run_checks import _report_changed_rows
from waivern.history.decisions import Decision, Verdict
from waivern.history.retention import PruneRequest
from waivern.history.verification import Mismatch, RecordKind, Verification
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus, utc_now
from waivern.runs.run_store import NewRun
from waivern.testing.builders import message_of, plan_of_dag

INDICATOR = Schema("personal_data_indicator", "1.0.0")
BUILT = plan_of_dag({"source": [], "found": ["source"], "again": ["found"]})
PLAN = replace(
    BUILT,
    sources={"x.yaml": "name: built\n"},
    artifact_schemas={**BUILT.artifact_schemas, "found": (BUILT.artifact_schemas["found"][0], INDICATOR)},
)
WORDS = ("failed", "skipped", "timed_out", "raw")  # for columns with a check constraint on words
MAY_CHANGE = {
    runs: {"lease_until"},
    artifacts: {"pruned_at", "pruned_because"},
    finding_snapshots: {"last_run_id", "last_at"},
    finding_streams: {"id", "staged_by"},
}
PROVEN = (
    *(
        events,
        runs,
        artifacts,
        artifact_declarations,
        overviews,
        blobs,
        runbooks,
        finding_streams,
        finding_snapshots,
        findings,
    ),
    *(run_attempts, artifact_attempts),
)


def verified(engine: sa.Engine, run_id: str | None = None) -> Verification:
    return SqlAuditLog(engine).verify(run_id=run_id, progress=lambda _what, _done: None)


def entry(name: str, count: int = 1) -> dict[str, Any]:
    return {
        "fingerprint": name * 32,
        "category": "email",
        "rule": "email_address",
        "location": {"file_path": f"{name}.txt"},
        "matched_patterns": [{"pattern": "value: address", "match_count": count}],
        "confidence": 0.9,
        "severity": "medium",
        "special_category": True,
        "metadata": {"source": "files"},
    }


def message(*entries: dict[str, Any]) -> Message:
    analysis = {"ruleset": "local/x/1.0.0", "rules_version": "1", "not_scanned": [{"name": "b.txt", "reason": "large"}]}
    content = {"findings": list(entries), "summary": {"text": "lorem ipsum " * 200}, "analysis_metadata": analysis}
    return Message("m-1", content, INDICATOR, {"by": "test"})


def run_with(engine: sa.Engine, *entries: dict[str, Any], status: RunStatus = RunStatus.SUCCEEDED) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    now = utc_now()
    run.log.record(ArtifactChange("source", ArtifactStatus.RUNNING, now))
    run.store.save("source", message_of(found=1))
    run.store.save("found", message(*entries))
    run.log.record_failed_attempt(FailedAttempt("again", 1, now, now, "it broke"))
    run.log.record(ArtifactChange("again", ArtifactStatus.FAILED, now, error="it broke"))
    run.log.close(status, error="it broke")
    return run.run_id


@pytest.fixture
def history(engine: sa.Engine) -> sa.Engine:
    run_with(engine, entry("a"), entry("b"))
    run_with(engine, entry("b", 2), entry("c"))
    run_with(engine, entry("c"))
    return engine


def test_an_unaltered_database_has_no_mismatches(history: sa.Engine) -> None:
    result = verified(history)
    assert (result.mismatch_count, result.mismatches, result.open_runs, result.unproven_runs, result.pruned) == (
        0,
        [],
        0,
        0,
        0,
    )
    counts = {name: result.counts[name] for name in ("events", "runs", "artifacts", "runbooks", "findings", "contents")}
    assert counts == {"events": 7, "runs": 3, "artifacts": 9, "runbooks": 1, "findings": 4, "contents": 4}
    assert result.end is not None
    assert result.end.hash == next(iter(SqlAuditLog(history).newest(limit=1))).hash


def test_an_empty_database_has_no_mismatches(engine: sa.Engine) -> None:
    assert (verified(engine).mismatch_count, verified(engine).end) == (0, None)


def test_one_run_is_verified_by_itself(history: sa.Engine) -> None:
    first, second = run_ids(history)[:2]
    execute(history, sa.update(artifacts).where(artifacts.c.run_number == run_number_of(second)).values(message_id="x"))
    assert verified(history, first).mismatch_count == 0
    assert [item.kind for item in verified(history, second).mismatches] == [RecordKind.ARTIFACT] * 3
    assert verified(history, first).counts["runs"] == 1


def id_of_run(engine: sa.Engine, owner: dict[str, Any]) -> str:
    number = owner.get("number", owner.get("run_number"))
    with engine.connect() as connection:
        return str(connection.scalar(sa.select(runs.c.id).where(runs.c.number == number)))


def run_ids(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(runs.c.id).order_by(runs.c.created_at)))


def execute(engine: sa.Engine, statement: Any) -> None:
    """Execute a statement as an attacker with full access would, without foreign keys and check constraints."""
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        is_sqlite = engine.dialect.name == "sqlite"
        if is_sqlite:
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("PRAGMA ignore_check_constraints = ON")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = 'replica'")
        try:
            connection.execute(statement)
            connection.commit()
        finally:
            connection.rollback()
            if is_sqlite:
                raw.execute("PRAGMA ignore_check_constraints = OFF")
                raw.execute("PRAGMA foreign_keys = ON")


def cells() -> list[tuple[sa.Table, "sa.Column[Any]"]]:
    return [(table, item) for table in PROVEN for item in table.columns if item.name not in MAY_CHANGE.get(table, ())]


def altered(value: Any, drawn: random.Random) -> Any:
    """Return the value with one bit flipped, or a different value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value ^ (1 << drawn.randrange(6))
        case float():
            return value + 0.001
        case datetime():
            return value + timedelta(microseconds=1 << drawn.randrange(20))
        case date():
            return value + timedelta(days=1)
        case bytes():
            at = drawn.randrange(len(value)) if value else 0
            return value[:at] + bytes([value[at] ^ (1 << drawn.randrange(8))]) + value[at + 1 :] if value else b"x"
        case str():
            at = drawn.randrange(len(value)) if value else 0
            return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] if value else "x"
        case None:
            return None
        case _:
            raise AssertionError(type(value))


PARTS = {
    events: RecordKind.EVENT,
    runs: RecordKind.RUN,
    artifacts: RecordKind.ARTIFACT,
    artifact_declarations: RecordKind.DECLARATION,
    overviews: RecordKind.OVERVIEW,
    blobs: RecordKind.CONTENT,
    runbooks: RecordKind.RUNBOOK,
    finding_streams: RecordKind.FINDINGS,
    finding_snapshots: RecordKind.FINDINGS,
    findings: RecordKind.FINDINGS,
    run_attempts: RecordKind.ATTEMPT,
    artifact_attempts: RecordKind.ATTEMPT,
}


def is_named(
    engine: sa.Engine, table: sa.Table, column: "sa.Column[Any]", key: Sequence[Any], mismatches: Sequence[Mismatch]
) -> bool:
    """Return whether a mismatch names the altered record; an altered key makes it a different record."""
    of_kind = [item for item in mismatches if item.kind is PARTS[table]]
    owner = dict(zip((item.name for item in table.primary_key), key, strict=True))
    if table is runbooks:
        return bool(of_kind)
    if table in (artifact_declarations, overviews):
        return bool(mismatches if column.primary_key else of_kind)
    if table is events:
        named = {f"event {owner['seq']}", f"event {owner['seq'] + 1}"}
        return any(item.record in named or column.primary_key for item in of_kind)
    if table is blobs:
        holders = sa.select(artifact_view.c.run_id, artifact_view.c.artifact_id).where(
            sa.type_coerce(artifact_view.c.digest, sa.types.NullType()) == owner["digest"]
        )
        with engine.connect() as connection:
            held_by = {tuple(row) for row in connection.execute(holders)}
        return any((item.run, item.artifact_id) in held_by for item in of_kind)
    if table in (finding_streams, finding_snapshots, findings):
        return any(item.artifact_id is not None for item in of_kind) or column.primary_key
    if column.primary_key:
        return any(item.run == owner.get("run_id", item.run) is not None for item in mismatches)
    run_id, artifact_id = owner.get("run_id") or id_of_run(engine, owner), owner.get("artifact_id")
    return any((item.run, item.artifact_id) == (run_id, artifact_id) for item in of_kind)


def test_any_altered_value_is_reported_with_its_record(history: sa.Engine) -> None:
    drawn, tried = random.Random(), 0
    unseen: list[str] = []
    unnamed: list[str] = []
    for table, column in cells():
        filled = [row for row in stored(history, table, column) if row[0] is not None]
        for value, *key in drawn.sample(filled, min(1, len(filled))):
            other = replace_by_any(history, table, column, key, value, drawn)
            if other is None:
                continue  # the database refuses every other value
            tried += 1
            mismatches = verified(history).mismatches
            altered_cell = f"{table.name}.{column.name} was {value!r} and is {other!r}"
            if not mismatches:
                unseen.append(altered_cell)
            elif not is_named(history, table, column, key, mismatches):
                unnamed.append(f"{altered_cell}: {mismatches}")
            names = [item.name for item in table.primary_key]
            now = [other if name == column.name else item for name, item in zip(names, key, strict=True)]
            assert replaced(history, table, column, now, value)
    assert (unseen, unnamed) == ([], [])
    assert tried > 80
    assert verified(history).mismatch_count == 0


def replace_by_any(
    engine: sa.Engine, table: sa.Table, column: "sa.Column[Any]", key: list[Any], value: Any, drawn: random.Random
) -> Any:
    """Write a different value that the database accepts, and return it; None if there is none."""
    others = [*(altered(value, drawn) for _ in range(50)), *WORDS]
    return next((item for item in others if item != value and replaced(engine, table, column, key, item)), None)


def stored(engine: sa.Engine, table: sa.Table, column: "sa.Column[Any]") -> list[Any]:
    """Return the column's value and the key of each row, without any conversion."""
    is_json = isinstance(column.type, sa.JSON)
    value = sa.cast(column, sa.Text) if is_json else sa.type_coerce(column, sa.types.NullType())
    key = [sa.type_coerce(item, sa.types.NullType()) for item in table.primary_key]
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(value, *key).order_by(*table.primary_key))]


def replaced(engine: sa.Engine, table: sa.Table, column: "sa.Column[Any]", key: list[Any], value: Any) -> bool:
    """Write a value into one row; return False if the database refuses it."""
    names = [item.name for item in table.primary_key]
    where = " AND ".join(f'"{name}" = :key{number}' for number, name in enumerate(names))
    is_json = isinstance(column.type, sa.JSON) and engine.dialect.name == "postgresql"
    new = "CAST(:value AS json)" if is_json else ":value"
    statement = sa.text(f'UPDATE "{table.name}" SET "{column.name}" = {new} WHERE {where}')
    key_values = {f"key{number}": item for number, item in enumerate(key)}
    try:
        execute(engine, statement.bindparams(value=value, **key_values))
    except (sa.exc.DBAPIError, WaivernError):
        return False
    return True


def deleted(engine: sa.Engine, table: sa.Table, *where: Any) -> None:
    execute(engine, sa.delete(table).where(*where))


@pytest.mark.parametrize("table", PROVEN, ids=lambda table: table.name)
def test_any_deleted_row_is_reported(history: sa.Engine, table: sa.Table) -> None:
    rows = stored(history, table, next(iter(table.columns)))
    if table is events:
        rows = rows[:-1]  # only an anchor reveals that the newest are missing
    if table is blobs:
        rows = rows[:1]
    _, *key = random.Random().choice(rows)
    deleted(
        history,
        table,
        *(
            sa.type_coerce(item, sa.types.NullType()) == value
            for item, value in zip(table.primary_key, key, strict=True)
        ),
    )
    assert verified(history).mismatch_count > 0


def test_mismatches_are_listed_in_order(history: sa.Engine) -> None:
    second = run_ids(history)[1]
    execute(
        history,
        sa.update(artifacts).where(artifacts.c.run_number == run_number_of(second)).values(error="nothing broke"),
    )
    execute(history, sa.update(events).where(events.c.seq == 3).values(actor="eve@desk"))
    result = verified(history)
    assert result.mismatch_count == 4
    of_second = [f"artifact '{name}' of run {second}" for name in PLAN.runbook.artifacts]
    assert [item.record for item in result.mismatches] == ["event 3", *of_second]


def test_each_altered_or_missing_row_of_a_run_is_reported_by_itself(history: sa.Engine) -> None:
    first, second, third = run_ids(history)
    found_of_second = (artifacts.c.run_number == run_number_of(second)) & (artifacts.c.artifact_id == "found")
    execute(history, sa.update(artifacts).where(found_of_second).values(message_id="x"))
    deleted(history, artifact_attempts, artifact_attempts.c.run_id == first)
    execute(history, sa.update(run_attempts).where(run_attempts.c.run_id == third).values(worker_id="eve"))
    mismatch = {(item.kind, item.run, item.artifact_id, item.record) for item in verified(history).mismatches}
    assert mismatch == {
        (RecordKind.ARTIFACT, second, "found", f"artifact 'found' of run {second}"),
        (RecordKind.RUN, first, None, f"run {first}"),
        (RecordKind.ATTEMPT, third, None, f"attempt 1 at run {third}"),
    }


def test_a_run_whose_event_has_no_leaf_prefixes_is_reported_as_a_whole(history: sa.Engine) -> None:
    first = run_ids(history)[0]
    result = Verification()
    with history.connect() as connection:
        _report_changed_rows(connection, first, 3, None, result)
    assert [(item.kind, item.run) for item in result.mismatches] == [(RecordKind.RUN, first)]


def test_a_content_is_reported_with_its_artifact(history: sa.Engine) -> None:
    first = run_ids(history)[0]
    source = sa.select(artifacts.c.digest).where(
        artifacts.c.run_number == run_number_of(first), artifacts.c.artifact_id == "source"
    )
    with history.connect() as connection:
        digest = connection.scalar(source)
    execute(history, sa.update(blobs).where(blobs.c.digest == digest).values(checksum=1))
    (mismatch,) = verified(history).mismatches
    assert mismatch.record == f"content {digest} of artifact 'source' of run {first} and of 2 more"
    assert (mismatch.kind, mismatch.run, mismatch.artifact_id) == (RecordKind.CONTENT, first, "source")


def test_an_inserted_run_is_reported(history: sa.Engine) -> None:
    first = run_ids(history)[0]
    with history.connect() as connection:
        row = dict(connection.execute(sa.select(runs).where(runs.c.id == first)).one()._mapping)
    now = utc_now()
    execute(
        history, sa.insert(runs).values({**row, "number": 99, "id": "forged", "event_seq": None, "created_at": now})
    )
    assert [item.record for item in verified(history).mismatches] == ["run forged"]


def test_a_run_that_was_changed_to_queued_is_reported(history: sa.Engine) -> None:
    first = run_ids(history)[0]
    unfinished = {"status": "queued", "event_seq": None, "ended_at": None}
    execute(history, sa.update(runs).where(runs.c.id == first).values(unfinished))
    assert {item.record for item in verified(history).mismatches} == {f"run {first}"}


def test_ended_runs_without_events_are_reported(history: sa.Engine) -> None:
    deleted(history, events)
    execute(history, sa.update(runs).values(event_seq=None))
    assert [item.kind for item in verified(history).mismatches] == [RecordKind.RUN] * 3


def test_queued_and_running_runs_are_counted_as_open(engine: sa.Engine) -> None:
    SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    new = NewRun(runbook=Path("/x.yaml"), runbook_name="built", trigger="manual")
    SqlRunStore(engine).enqueue(new)
    result = verified(engine)
    assert (result.open_runs, result.mismatch_count) == (2, 0)


def test_a_pruned_content_is_not_a_mismatch(history: sa.Engine) -> None:
    retention = SqlRetention(history)
    assert retention.prune(PruneRequest(older_than=timedelta(0)), caller=CALLER).deleted_contents > 0
    result = verified(history)
    assert (result.mismatch_count, result.mismatches) == (0, [])
    assert result.pruned > 0


def test_a_content_that_was_emptied_by_hand_is_reported(history: sa.Engine) -> None:
    execute(history, sa.update(blobs).values(codec=TOMBSTONE, data=b"", stored_size=0, checksum=0))
    problems = [item.problem for item in verified(history).mismatches]
    assert problems.count("it is missing, but was never pruned or erased") == 6
    assert problems.count("it is deleted, but no event recorded that") == 4


@pytest.fixture
def restored(history: sa.Engine, tmp_path: Path) -> Iterator[sa.Engine]:
    """A different database into which two of the runs were restored."""
    (tmp_path / "other").mkdir()
    file = tmp_path / "two.zip"
    with another_sqlite(tmp_path / "other") as other:
        moved(history, other, run_ids(history)[:2], file)
        yield other


def test_imported_events_are_verified(restored: sa.Engine) -> None:
    result = verified(restored)
    assert (result.mismatch_count, result.mismatches) == (0, [])
    assert (result.counts["imported_events"], result.counts["events"]) == (4, 4)


def test_any_altered_value_of_an_imported_event_is_reported(restored: sa.Engine) -> None:
    drawn, unnamed = random.Random(), []
    for column in imported_events.columns:
        value, *key = drawn.choice(stored(restored, imported_events, column))
        other = replace_by_any(restored, imported_events, column, key, value, drawn)
        mismatch = verified(restored).mismatches
        if not mismatch or any(item.kind is not RecordKind.EVENT for item in mismatch):
            unnamed.append((column.name, value, other, mismatch))
        names = [item.name for item in imported_events.primary_key]
        now = [other if name == column.name else item for name, item in zip(names, key, strict=True)]
        assert replaced(restored, imported_events, column, now, value)
    assert unnamed == []
    assert verified(restored).mismatch_count == 0


@pytest.mark.parametrize("kind", ["run.opened", "run.closed"])
def test_a_missing_or_inserted_imported_event_is_reported(restored: sa.Engine, kind: str) -> None:
    with restored.connect() as connection:
        rows = connection.execute(sa.select(imported_events).where(imported_events.c.kind == kind)).all()
    deleted(restored, imported_events, imported_events.c.seq == rows[0].seq)
    names = {"imported events"}
    if kind == "run.closed":
        names.add(f"event {rows[0].seq} of chain {rows[0].origin}")
    assert {item.record for item in verified(restored).mismatches} == names
    execute(restored, sa.insert(imported_events).values(rows[0]._asdict()))
    assert verified(restored).mismatch_count == 0
    execute(restored, sa.insert(imported_events).values({**rows[0]._asdict(), "origin": "elsewhere"}))
    assert {item.record for item in verified(restored).mismatches} == {"imported events"}


def test_a_second_restore_records_all_imported_events_again(
    history: sa.Engine, restored: sa.Engine, tmp_path: Path
) -> None:
    moved(history, restored, run_ids(history)[2:], tmp_path / "third.zip")
    result = verified(restored)
    assert (result.mismatch_count, result.counts["imported_events"]) == (0, 6)
    moved(history, restored, run_ids(history)[2:], tmp_path / "again.zip")
    assert verified(restored).mismatch_count == 0


def test_a_resumed_run_is_verified_after_it_was_closed_again(engine: sa.Engine) -> None:
    run_id = run_with(engine, entry("a"), status=RunStatus.FAILED)
    run = SqlRunStore(engine).resume(run_id, PLAN, caller=CALLER)
    assert (verified(engine).mismatch_count, verified(engine).open_runs) == (0, 1)
    run.store.save("again", message_of(found=3))
    run.log.close(RunStatus.SUCCEEDED)
    assert (verified(engine).mismatch_count, verified(engine).open_runs) == (0, 0)


def test_an_encrypted_content_is_verified_with_its_key_and_counted_without(engine: sa.Engine) -> None:
    keys = read_keyring(text=new_key())
    with_key = open_engine(engine.url.render_as_string(hide_password=False), synchronous="NORMAL", keys=keys)
    run_with(with_key, entry("a"))
    assert (verified(with_key).mismatch_count, verified(with_key).undecryptable) == (0, 0)
    assert (verified(engine).mismatch_count, verified(engine).undecryptable) == (0, 2)
    execute(engine, sa.update(blob_keys).values(wrapped=b"x" * 60))
    assert verified(with_key).mismatch_count == 2
    with_key.dispose()


@pytest.mark.slow
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_flipped_bit_of_a_content_is_reported(history: sa.Engine, data: st.DataObject) -> None:
    rows = stored(history, blobs, blobs.c.data)
    value, key = data.draw(st.sampled_from(rows))
    at = data.draw(st.integers(0, len(value) - 1))
    flipped = value[:at] + bytes([value[at] ^ (1 << data.draw(st.integers(0, 7)))]) + value[at + 1 :]
    assert replaced(history, blobs, blobs.c.data, [key], flipped)
    assert is_named(history, blobs, blobs.c.data, [key], verified(history).mismatches)
    assert replaced(history, blobs, blobs.c.data, [key], value)


def test_a_deleted_restored_run_is_reported(restored: sa.Engine) -> None:
    run_id = run_ids(restored)[0]
    deleted(restored, artifacts, artifacts.c.run_number == run_number_of(run_id))
    for table in (run_attempts, artifact_attempts):
        deleted(restored, table, table.c.run_id == run_id)
    deleted(restored, runs, runs.c.id == run_id)
    assert (RecordKind.RUN, f"run {run_id}") in {(item.kind, item.record) for item in verified(restored).mismatches}


def test_a_truncated_chain_is_reported_once(history: sa.Engine) -> None:
    deleted(history, events, events.c.seq > 4)
    (mismatch,) = verified(history).mismatches
    assert (mismatch.kind, mismatch.run) == (RecordKind.RUN, run_ids(history)[-1])
    assert "it refers to event 7, but the chain ends at event 4: the newest events are missing" in mismatch.problem


def test_decisions_that_were_swapped_are_reported(history: sa.Engine) -> None:
    log = SqlDecisionLog(history)
    for verdict in (Verdict.SUPPRESSED, Verdict.REOPENED):
        log.decide(Decision(verdict, fingerprint="a" * 32, reason="why", owner="dpo"), caller=CALLER)
    assert verified(history).mismatches == []
    execute(history, sa.update(decisions).values(seq=-decisions.c.seq))
    assert [item.record for item in verified(history).mismatches] == ["every decision"]


def test_contents_that_were_emptied_by_hand_with_their_artifacts_marked_are_reported(history: sa.Engine) -> None:
    execute(history, sa.update(artifacts).values(pruned_at=utc_now(), pruned_because="retain: none"))
    execute(history, sa.update(blobs).values(codec=TOMBSTONE, data=b"", stored_size=0, checksum=0))
    kinds = {item.kind for item in verified(history).mismatches}
    assert kinds == {RecordKind.ARTIFACT, RecordKind.CONTENT}
