"""Garbage collection on both databases: unreferenced blobs are deleted, and none that a concurrent save references."""

import functools
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern import PrunedArtifactError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs import blob_store
from waivern.database.blobs.blob import TOMBSTONE, Blob
from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.connection.sqlite_file import truncate_wal
from waivern.database.retention import blob_gc
from waivern.database.retention.blob_gc import Collected, collect_garbage
from waivern.database.retention.retention_rules import add_gc_candidates
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs, gc_candidates
from waivern.errors import DatabaseUnavailableError
from waivern.history.events import Event, EventKind
from waivern.messages.canonical_form import CanonicalForm
from waivern.runs.run import RunStatus, utc_now
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": []})
BLOCKED_S = 0.3
"""How long a thread must make no progress to count as blocked."""


def saved(engine: sa.Engine, text: str = "shared") -> str:
    """Return the id of an ended run whose artifact `a` holds the text."""
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("a", message_of(text=text))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def prune(engine: sa.Engine, run_id: str) -> None:
    """Remove a run's reference to its content and add the content to the candidates, without collecting."""
    with writing(engine) as connection:
        is_run = artifacts.c.run_number == run_number_of(run_id)
        add_gc_candidates(connection, connection.scalars(sa.select(artifacts.c.digest).where(is_run)).all())
        connection.execute(sa.update(artifacts).where(is_run).values(pruned_at=utc_now(), pruned_because="test"))


def prune_with_retries(engine: sa.Engine, run_id: str) -> None:
    retry_on_conflict(functools.partial(prune, engine, run_id))


def restore_reference(connection: sa.Connection, run_id: str) -> None:
    """Reference a pruned content again as a save does: lock and protect the blob, then write the artifact's row."""
    is_run = artifacts.c.run_number == run_number_of(run_id)
    digest = connection.scalar(sa.select(artifacts.c.digest).where(is_run))
    assert digest is not None
    blob_store.protect(connection, digest, lambda: blob_of("shared"))
    connection.execute(sa.update(artifacts).where(is_run).values(pruned_at=None, pruned_because=None))


def blob_of(text: str) -> Blob:
    return Blob.of(CanonicalForm({"text": text}))


def is_readable(engine: sa.Engine, run_id: str) -> bool:
    try:
        return SqlHistory(engine).message_of(run_id, "a").content == {"text": "shared"}
    except PrunedArtifactError:
        return False


def candidates(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {row.digest: row.generation for row in connection.execute(sa.select(gc_candidates))}


def deletions(engine: sa.Engine) -> list[Event]:
    return [event for event in SqlAuditLog(engine).read() if event.kind == EventKind.CONTENTS_DELETED]


def stored_codecs(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(blobs.c.codec).order_by(blobs.c.digest)))


def before_collecting(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Run `action` between the collector's reads of candidates and references and its locks."""
    collect = blob_gc._collect

    def interrupted(*arguments: Any, **options: Any) -> Collected:
        action()
        return collect(*arguments, **options)

    monkeypatch.setattr(blob_gc, "_collect", interrupted)


def test_without_candidates_nothing_is_collected(engine: sa.Engine) -> None:
    saved(engine)
    assert collect_garbage(engine, actor="test") == Collected(0, 0)
    assert deletions(engine) == []


def test_an_unreferenced_content_is_deleted(engine: sa.Engine) -> None:
    run_id = saved(engine)
    prune(engine, run_id)
    (digest,) = candidates(engine)
    with writing(engine) as connection:
        connection.execute(sa.insert(blob_keys), {"digest": digest, "key_id": "0" * 16, "wrapped": b"key"})
    size = len('{"text":"shared"}')
    assert collect_garbage(engine, actor="user:ann@desk") == Collected(1, size)
    with engine.connect() as connection:
        row = connection.execute(sa.select(blobs)).one()
        assert connection.execute(sa.select(blob_keys)).all() == []
    assert (row.codec, row.size, row.stored_size, bytes(row.data), row.checksum) == (TOMBSTONE, size, 0, b"", 0)
    assert row.chunked_data is None
    assert candidates(engine) == {}
    (event,) = deletions(engine)
    assert (event.actor, event.body) == ("user:ann@desk", {"digests": [digest]})


def test_a_collection_keeps_the_contents_and_the_keys_of_all_others(engine: sa.Engine) -> None:
    saved(engine, "kept")
    prune(engine, saved(engine))
    (garbage,) = candidates(engine)
    with writing(engine) as connection:
        for digest in connection.scalars(sa.select(blobs.c.digest)).all():
            connection.execute(sa.insert(blob_keys), {"digest": digest, "key_id": "0" * 16, "wrapped": b"key"})
    collect_garbage(engine, actor="test")
    with engine.connect() as connection:
        (kept,) = connection.scalars(sa.select(blob_keys.c.digest)).all()
        codecs = {row.digest: row.codec for row in connection.execute(sa.select(blobs.c.digest, blobs.c.codec))}
    assert kept != garbage
    assert [digest for digest, codec in codecs.items() if codec == TOMBSTONE] == [garbage]


def test_a_deleted_content_is_overwritten_in_a_sqlite_file(tmp_path: Path) -> None:
    """The content takes many pages: SQLite frees them without clearing them, unless it was built with SECURE_DELETE."""
    with migrated(sqlite_url(tmp_path)) as engine:
        sa.event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA secure_delete = OFF"))
        engine.dispose()
        prune(engine, saved(engine, random.Random(1).randbytes(50_000).hex()))
        with engine.connect() as connection:
            data = bytes(connection.execute(sa.select(blobs.c.data)).scalar_one())
        assert data[30_000:30_100] in files_in(tmp_path)
        collect_garbage(engine, actor="test")
        truncate_wal(engine)
        assert data[30_000:30_100] not in files_in(tmp_path)


def files_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_collection_that_conflicts_with_a_concurrent_transaction_is_retried(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune(engine, saved(engine))
    lock_blobs = blob_gc._lock_blobs
    conflicts = [DatabaseUnavailableError("deadlock detected")]
    conflicts[0].__cause__ = psycopg.errors.DeadlockDetected()

    def conflict_once(*arguments: Any) -> dict[str, int]:
        if conflicts:
            raise conflicts.pop()
        return lock_blobs(*arguments)

    monkeypatch.setattr(blob_gc, "_lock_blobs", conflict_once)
    assert collect_garbage(engine, actor="test").contents == 1


def test_a_candidate_that_is_still_referenced_is_kept_and_forgotten(engine: sa.Engine) -> None:
    first, second = saved(engine), saved(engine)
    prune(engine, first)
    assert collect_garbage(engine, actor="test") == Collected(0, 0)
    assert candidates(engine) == {}
    assert deletions(engine) == []
    assert (is_readable(engine, first), is_readable(engine, second)) == (False, True)


def test_referenced_and_unreferenced_candidates_are_told_apart(engine: sa.Engine) -> None:
    kept = saved(engine)
    for run_id in (saved(engine), saved(engine, "b"), saved(engine, "c")):
        prune(engine, run_id)
    assert collect_garbage(engine, actor="test").contents == 2
    assert is_readable(engine, kept)
    assert sorted(stored_codecs(engine)) == ["raw", TOMBSTONE, TOMBSTONE]
    (event,) = deletions(engine)
    assert event.body["digests"] == sorted(event.body["digests"])
    assert len(event.body["digests"]) == 2


def test_parts_that_no_content_has_are_collected_in_batches_and_leave_no_tombstones(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        contents = [blob_of(f"{number}") for number in range(205)]
        for blob in contents:
            blob_store.store(connection, blob)
        add_gc_candidates(connection, [blob.digest for blob in contents])
    size = sum(len(blob.data) for blob in contents)
    assert collect_garbage(engine, actor="test") == Collected(0, size)
    assert sorted(event.body["parts"] for event in deletions(engine)) == [5, 200]
    assert stored_codecs(engine) == []
    assert candidates(engine) == {}


def test_a_content_that_is_saved_before_the_collector_locks_it_is_not_deleted(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune(engine, saved(engine))
    late: list[str] = []
    before_collecting(monkeypatch, lambda: late.append(saved(engine)))
    assert collect_garbage(engine, actor="test") == Collected(0, 0)
    assert is_readable(engine, late[0])
    assert deletions(engine) == []


def test_a_content_that_is_saved_and_pruned_again_before_the_collector_locks_it_is_left_to_the_next_collection(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = saved(engine), saved(engine)
    prune(engine, first)
    before = candidates(engine)
    with monkeypatch.context() as patch:
        before_collecting(patch, lambda: prune(engine, second))
        assert collect_garbage(engine, actor="test") == Collected(0, 0)
    assert candidates(engine).keys() == before.keys()
    assert candidates(engine) != before
    assert collect_garbage(engine, actor="test").contents == 1


def test_a_content_that_is_saved_after_its_deletion_is_stored_again(engine: sa.Engine) -> None:
    prune(engine, saved(engine))
    collect_garbage(engine, actor="test")
    assert is_readable(engine, saved(engine))


def test_the_collector_waits_for_an_uncommitted_save(engine: sa.Engine) -> None:
    run_id = saved(engine)
    prune(engine, run_id)
    collector = threading.Thread(target=collect_garbage, args=(engine,), kwargs={"actor": "test"})
    with writing(engine) as connection:
        restore_reference(connection, run_id)
        collector.start()
        collector.join(BLOCKED_S)
        assert collector.is_alive()
    collector.join()
    assert is_readable(engine, run_id)
    assert deletions(engine) == []


def test_pruning_waits_for_an_uncommitted_save_of_the_same_content(engine: sa.Engine) -> None:
    saving, pruned = saved(engine), saved(engine)
    prune(engine, saving)
    collect_garbage(engine, actor="test")

    def prune_and_collect() -> None:
        prune(engine, pruned)
        collect_garbage(engine, actor="test")

    thread = threading.Thread(target=prune_and_collect)
    with writing(engine) as connection:
        restore_reference(connection, saving)
        thread.start()
        thread.join(BLOCKED_S)
        assert thread.is_alive()
        assert candidates(engine) == {}
    thread.join()
    assert (is_readable(engine, saving), is_readable(engine, pruned)) == (True, False)
    assert deletions(engine) == []


def test_each_candidate_has_a_new_generation(engine: sa.Engine) -> None:
    run_id = saved(engine)
    generations = set()
    for _ in range(5):
        prune(engine, run_id)
        generations |= set(candidates(engine).values())
    assert len(generations) == 5
    assert max(generations) > 2**40  # random, so that it never repeats


def test_two_transactions_that_restore_the_same_content_wait_for_each_other(engine: sa.Engine) -> None:
    run_id = saved(engine)
    prune(engine, run_id)
    collect_garbage(engine, actor="test")
    failures: list[Exception] = []

    def restore_too() -> None:
        try:
            with writing(engine) as connection:
                restore_reference(connection, run_id)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=restore_too)

    def blob_while_the_other_begins() -> Blob:
        thread.start()
        thread.join(BLOCKED_S)
        return blob_of("shared")

    with writing(engine) as connection:
        blob_store.protect(connection, blob_of("shared").digest, blob_while_the_other_begins)
    thread.join()
    assert failures == []
    assert is_readable(engine, run_id)


def test_saves_lose_nothing_while_contents_are_collected(engine: sa.Engine) -> None:
    """Threads save and prune the same content while a collector runs all the time."""
    is_over = threading.Event()
    failures: list[str] = []

    def save_and_prune(name: str) -> None:
        try:
            while not is_over.is_set():
                run_id = saved(engine)
                if not is_readable(engine, run_id):
                    failures.append(f"{name}: lost")
                prune_with_retries(engine, run_id)
        except Exception as error:
            failures.append(f"{name}: {error!r}")

    def collect() -> None:
        try:
            while not is_over.is_set():
                collect_garbage(engine, actor="test")
        except Exception as error:
            failures.append(f"collector: {error!r}")

    threads = [threading.Thread(target=save_and_prune, args=(name,)) for name in ("first", "second", "third")]
    threads.append(threading.Thread(target=collect))
    for thread in threads:
        thread.start()
    is_over.wait(timeout=3)
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []
