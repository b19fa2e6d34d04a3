"""A large snapshot is written in several transactions, and seen as one."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from waivern import Message
from waivern.database.connection.engine import open_engine
from waivern.database.findings import staging
from waivern.database.runs import snapshot_writer
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import finding_streams, findings, runs
from waivern.database.verification.verifier import verify
from waivern.runs.run import RunStatus
from waivern.runs.run_store import RunHandle
from waivern.testing.builders import ANY_SCHEMA, plan_of_dag

PLAN = plan_of_dag({"found": []})


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writer, "_MAX_DIRECT_CHANGES", 4)
    monkeypatch.setattr(staging, "_BATCH_SIZE", 3)
    monkeypatch.setattr(staging, "_BUSY_PAUSE_S", 0.01)


def message(found: Mapping[str, int]) -> Message:
    """Return a message of findings from {name: number of matches}."""
    entries = [
        {
            "fingerprint": name,
            "rule": "r",
            "matched_patterns": [{"match_count": count}],
            "location": {"file_path": name},
        }
        for name, count in found.items()
    ]
    return Message("", {"findings": entries}, ANY_SCHEMA)


def begin(engine: sa.Engine) -> RunHandle:
    return SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)


def scan(engine: sa.Engine, found: Mapping[str, int]) -> str:
    run = begin(engine)
    run.store.save("found", message(found))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def found_by(engine: sa.Engine, run_id: str) -> dict[str, int]:
    return {finding.fingerprint: finding.match_count for _, finding in SqlHistory(engine).findings_of(run_id)}


def numbered(numbers: range, matches: int = 1) -> dict[str, int]:
    return {f"finding {number:02}": matches for number in numbers}


def problems(engine: sa.Engine) -> list[str]:
    return [str(problem) for problem in verify(engine, run_id=None, progress=lambda _what, _done: None).mismatches]


SCANS = [
    numbered(range(10)),
    numbered(range(10), 2),
    {},
    numbered(range(5, 25), 2),
    numbered(range(10)),
    {**numbered(range(5)), **numbered(range(5, 10), 2)},
    numbered(range(12)),
]


def test_every_snapshot_is_read_as_it_was_saved(engine: sa.Engine) -> None:
    run_ids = [scan(engine, found) for found in SCANS]
    assert [found_by(engine, run_id) for run_id in run_ids] == SCANS
    assert problems(engine) == []
    with engine.connect() as connection:
        assert connection.scalars(sa.select(finding_streams.c.staged_by)).all() == [None]


def test_computing_for_longer_than_postgres_lets_a_transaction_idle_fails_nothing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = snapshot_writer.compute_changes

    def compute_slowly(connection: sa.Connection, *arguments: Any, **options: Any) -> Any:
        changes = compute(connection, *arguments, **options)
        time.sleep(2.3)
        return changes

    with migrated(postgres_url):
        pass
    monkeypatch.setattr(snapshot_writer, "compute_changes", compute_slowly)
    engine = open_engine(postgres_url, lease_s=3)  # Postgres lets a transaction idle for 2 seconds
    run_id = scan(engine, numbered(range(10)))
    assert found_by(engine, run_id) == numbered(range(10))
    engine.dispose()


def stopping_after(batches: int) -> Callable[..., None]:
    write = staging.SnapshotStaging._write

    def stop(self: staging.SnapshotStaging, *arguments: Any) -> None:
        nonlocal batches
        if batches == 0:
            raise InterruptedError("killed")
        batches -= 1
        write(self, *arguments)

    return stop


@pytest.mark.parametrize("batches", [1, 4, 6])
def test_what_a_dead_run_has_written_is_never_seen_and_removed_by_the_next(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    first = scan(engine, numbered(range(10)))
    dead = begin(engine)
    with monkeypatch.context() as patch:
        patch.setattr(staging.SnapshotStaging, "_write", stopping_after(batches))
        with pytest.raises(Exception, match="killed"):
            dead.store.save("found", message(numbered(range(5, 20), 3)))
    assert found_by(engine, first) == numbered(range(10))
    assert problems(engine) == []
    dead.log.close(RunStatus.FAILED)
    second = scan(engine, numbered(range(8)))
    assert (found_by(engine, first), found_by(engine, second)) == (numbered(range(10)), numbered(range(8)))
    assert problems(engine) == []
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(findings)) == 10


def test_an_attempt_after_a_failed_one_replaces_what_that_has_written(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(engine)
    with monkeypatch.context() as patch:
        patch.setattr(staging.SnapshotStaging, "_write", stopping_after(2))
        with pytest.raises(Exception, match="killed"):
            run.store.save("found", message(numbered(range(20))))
    run.store.save("found", message(numbered(range(10, 30), 2)))
    run.log.close(RunStatus.SUCCEEDED)
    assert found_by(engine, run.run_id) == numbered(range(10, 30), 2)
    assert problems(engine) == []


def test_a_run_waits_while_another_one_writes_the_same_stream(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, small = begin(engine), begin(engine)
    is_writing, may_go_on = threading.Event(), threading.Event()
    write = staging.SnapshotStaging._write

    def pause(self: staging.SnapshotStaging, *arguments: Any) -> None:
        write(self, *arguments)
        is_writing.set()
        assert may_go_on.wait(60)

    monkeypatch.setattr(staging.SnapshotStaging, "_write", pause)
    errors: list[BaseException] = []

    def save(run: RunHandle, found: Mapping[str, int]) -> None:
        try:
            run.store.save("found", message(found))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(slow, numbered(range(10))))]
    threads[0].start()
    assert is_writing.wait(60)
    threads.append(threading.Thread(target=save, args=(small, numbered(range(2), 5))))
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    assert found_by(engine, slow.run_id) == {}
    may_go_on.set()
    for thread in threads:
        thread.join(60)
    for run in (slow, small):
        run.log.close(RunStatus.SUCCEEDED)
    assert errors == []
    assert found_by(engine, slow.run_id) == numbered(range(10))
    assert found_by(engine, small.run_id) == numbered(range(2), 5)
    assert problems(engine) == []


def test_concurrent_scans_of_one_runbook_are_all_stored(engine: sa.Engine) -> None:
    scans = [numbered(range(number, number + 3 + 5 * (number % 2)), number + 1) for number in range(6)]
    opened = [begin(engine) for _ in scans]

    def save(run: RunHandle, found: Mapping[str, int]) -> None:
        run.store.save("found", message(found))
        run.log.close(RunStatus.SUCCEEDED)

    threads = [threading.Thread(target=save, args=pair) for pair in zip(opened, scans, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [found_by(engine, run.run_id) for run in opened] == scans
    assert problems(engine) == []


def test_a_run_that_was_taken_over_stages_nothing_more(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(engine)
    write = staging.SnapshotStaging._write

    def lose(self: staging.SnapshotStaging, *arguments: Any) -> None:
        write(self, *arguments)
        with engine.begin() as connection:
            connection.execute(sa.update(runs).values(epoch=99))

    monkeypatch.setattr(staging.SnapshotStaging, "_write", lose)
    with pytest.raises(Exception, match="no longer belongs"):
        run.store.save("found", message(numbered(range(10))))
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(findings)) == 3
