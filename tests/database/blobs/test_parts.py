"""Contents in parts: parts are stored once, and are pruned, collected, erased, verified, encrypted and archived."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.database.retention.test_blob_gc import prune
from waivern.caller import Caller
from waivern.database.archive.restoring import restore_runs
from waivern.database.archive.writer import archive_runs
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs import part_store
from waivern.database.blobs.blob import MANIFEST, TOMBSTONE
from waivern.database.connection.engine import keyring_of, open_engine
from waivern.database.connection.keyring import new_key, read_keyring
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blob_keys, blobs, gc_candidates
from waivern.errors import CorruptArtifactError, PrunedArtifactError, RunError
from waivern.history.archives import RestoreOptions
from waivern.history.events import EventKind
from waivern.history.retention import PruneRequest
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runs.run import RunStatus
from waivern.testing.builders import plan_of_dag

PLAN = plan_of_dag({"a": []})
DPO = Caller("dpo")
FILES = [f"{number}.txt" for number in range(40)]


def content_of(files: list[str], **changed: str) -> dict[str, Any]:
    """Return a content of 20 KB per file, which is stored as one part each."""
    items = [
        {
            "content": (changed.get(name.split(".")[0], name) + " ") * 3_000,
            "metadata": {"source": "s", "file_path": name},
        }
        for name in files
    ]
    return {"name": "files", "data": items}


def saved(engine: sa.Engine, content: dict[str, Any]) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("a", Message("", content, Schema("any", "1.0.0")))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def stored(engine: sa.Engine) -> list[str]:
    """Return the digests of all blobs that have bytes."""
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.select(blobs.c.digest).where(blobs.c.codec != TOMBSTONE)))


def mismatches(engine: sa.Engine, run_id: str | None = None) -> list[Any]:
    return list(SqlAuditLog(engine).verify(run_id=run_id, progress=lambda *_: None).mismatches)


def prune_all(engine: sa.Engine) -> None:
    SqlRetention(engine).prune(PruneRequest(older_than=timedelta(0)), caller=DPO)


def test_a_changed_file_adds_its_part_and_a_manifest_only(database: sa.Engine) -> None:
    first = saved(database, content_of(FILES))
    before = stored(database)
    assert len(before) == len(FILES) + 2  # with the manifest and the envelope
    second = saved(database, content_of(FILES, **{"7": "changed"}))
    assert len(stored(database)) == len(before) + 2
    third = saved(database, content_of(FILES[3:]))
    assert len(stored(database)) == len(before) + 3
    history = SqlHistory(database)
    assert history.message_of(first, "a").content == content_of(FILES)
    assert history.message_of(second, "a").content == content_of(FILES, **{"7": "changed"})
    assert history.message_of(third, "a").content == content_of(FILES[3:])
    assert mismatches(database) == []
    assert mismatches(database, second) == []


def test_parts_are_encrypted_and_manifests_hold_nothing_to_encrypt(database: sa.Engine) -> None:
    saved(database, content_of(FILES))
    with database.connect() as connection:
        codecs = set(connection.scalars(sa.select(blobs.c.codec)))
        keys = connection.scalar(sa.select(sa.func.count()).select_from(blob_keys))
        manifest = connection.scalars(sa.select(blobs.c.data).where(blobs.c.codec == MANIFEST)).one()
    assert b"txt" not in bytes(manifest)
    if keys:
        assert codecs == {MANIFEST, "gcm-zstd", "gcm-raw"}
        assert keys == len(FILES) + 1
    else:
        assert codecs == {MANIFEST, "zstd", "raw"}
    assert SqlRetention(database).encryption_status().unencrypted == (0 if keys else len(FILES) + 1)


def test_contents_in_parts_can_be_encrypted_later(database_url: str) -> None:
    with migrated(database_url) as engine:
        run_id = saved(engine, content_of(FILES))
        encrypted = open_engine(database_url, synchronous="NORMAL", keys=read_keyring(text=new_key()))
        assert SqlRetention(encrypted).encrypt_contents(caller=DPO) == len(FILES) + 1
        assert SqlRetention(encrypted).encryption_status().unencrypted == 0
        assert SqlHistory(encrypted).message_of(run_id, "a").content == content_of(FILES)
        assert mismatches(encrypted) == []
        encrypted.dispose()


def test_pruning_deletes_the_parts_that_no_other_content_has(database: sa.Engine) -> None:
    pruned = saved(database, content_of(FILES, **{"7": "changed"}))
    before = stored(database)
    kept = saved(database, content_of(FILES))
    prune(database, pruned)
    collect_garbage(database, actor="test")
    assert SqlHistory(database).message_of(kept, "a").content == content_of(FILES)
    assert len(stored(database)) == len(before)
    assert len(set(before) - set(stored(database))) == 2  # the manifest, and the part of the changed file


def test_a_preview_of_pruning_counts_the_parts_that_would_be_deleted(database: sa.Engine) -> None:
    saved(database, content_of(FILES))
    request = PruneRequest(older_than=timedelta(0))
    preview = SqlRetention(database).preview_prune(request)
    pruned = SqlRetention(database).prune(request, caller=DPO)
    assert (preview.deleted_contents, preview.freed_bytes) == (pruned.deleted_contents, pruned.freed_bytes)
    assert pruned.deleted_contents == 1


def test_a_crash_before_the_manifest_leaves_parts_that_are_collected(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SqlRunStore(database).create(PLAN, trigger="test", caller=CALLER)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("waivern.database.runs.artifact_store.store_content", crash)
        with pytest.raises(KeyboardInterrupt):
            run.store.save("a", Message("", content_of(FILES), Schema("any", "1.0.0")))
    assert len(stored(database)) == len(FILES) + 1
    collect_garbage(database, actor="test")
    assert stored(database) == []
    run.store.save("a", Message("", content_of(FILES), Schema("any", "1.0.0")))
    run.log.close(RunStatus.SUCCEEDED)
    assert mismatches(database) == []


def test_parts_that_are_collected_before_the_manifest_is_written_are_stored_again(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_parts = part_store.store_parts

    def store_and_collect(*arguments: Any) -> None:
        store_parts(*arguments)
        collect_garbage(database, actor="test")
        assert stored(database) == []

    monkeypatch.setattr("waivern.database.runs.artifact_store.store_parts", store_and_collect)
    run_id = saved(database, content_of(FILES))
    assert SqlHistory(database).message_of(run_id, "a").content == content_of(FILES)
    assert mismatches(database) == []
    with database.connect() as connection:
        assert connection.execute(sa.select(gc_candidates)).all() == []


def test_a_pruned_content_can_be_saved_again(database: sa.Engine) -> None:
    first = saved(database, content_of(FILES))
    prune_all(database)
    assert stored(database) == []
    second = saved(database, content_of(FILES))
    assert SqlHistory(database).message_of(second, "a").content == content_of(FILES)
    with pytest.raises(PrunedArtifactError):
        SqlHistory(database).message_of(first, "a")
    assert mismatches(database) == []


def test_the_event_of_a_deletion_names_the_content_and_counts_its_parts(database: sa.Engine) -> None:
    run_id = saved(database, content_of(FILES))
    (artifact,) = SqlHistory(database).artifacts_of(run_id)
    prune_all(database)
    deletions = [event.body for event in SqlAuditLog(database).read() if event.kind == EventKind.CONTENTS_DELETED]
    assert deletions == [{"digests": [artifact.digest]}, {"digests": [], "parts": len(FILES) + 1}]


def test_erasing_a_text_erases_its_part_and_every_content_that_has_it(database: sa.Engine) -> None:
    plain = saved(database, content_of(FILES))
    one = saved(database, content_of(FILES, **{"7": "ann"}))
    other = saved(database, content_of(FILES[3:], **{"7": "ann"}))
    retention, history = SqlRetention(database), SqlHistory(database)
    (found,) = retention.find_contents(["ANN "])
    assert sorted(use.run_id for use in found.uses) == sorted([one, other])
    assert retention.erase([found.digest], reason="request 7", caller=DPO) == 1
    for run_id in (one, other):
        with pytest.raises(PrunedArtifactError, match="erased: request 7"):
            history.message_of(run_id, "a")
    assert history.message_of(plain, "a").content == content_of(FILES)
    assert retention.find_contents(["ANN "]) == []
    assert len(stored(database)) == len(FILES) + 2
    assert mismatches(database) == []


def test_erasing_a_run_erases_all_its_parts_wherever_they_are(database: sa.Engine) -> None:
    first, second = saved(database, content_of(FILES)), saved(database, content_of(FILES[1:]))
    unrelated = saved(database, content_of([f"other{name}" for name in FILES]))
    retention, history = SqlRetention(database), SqlHistory(database)
    (content,) = retention.contents_of_run(first)
    assert sorted(use.run_id for use in content.uses) == sorted([first, second])
    assert retention.erase([content.digest], reason="r", caller=DPO) == 1
    for run_id in (first, second):
        with pytest.raises(PrunedArtifactError):
            history.message_of(run_id, "a")
    assert history.message_of(unrelated, "a").content == content_of([f"other{name}" for name in FILES])
    assert mismatches(database) == []


def test_parts_of_an_unfinished_run_are_not_erased(database: sa.Engine) -> None:
    run = SqlRunStore(database).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("a", Message("", content_of(FILES, **{"7": "ann"}), Schema("any", "1.0.0")))
    (found,) = SqlRetention(database).find_contents(["ann "])
    with pytest.raises(RunError, match="is unfinished"):
        SqlRetention(database).erase([found.digest], reason="r", caller=DPO)
    assert SqlRetention(database).find_contents(["ann "]) != []


def remove(connection: sa.Connection, digest: str) -> None:
    connection.execute(sa.delete(blob_keys).where(blob_keys.c.digest == digest))
    connection.execute(sa.delete(blobs).where(blobs.c.digest == digest))


def resize(connection: sa.Connection, digest: str) -> None:
    connection.execute(sa.update(blobs).where(blobs.c.digest == digest), {"size": 5})


@pytest.mark.parametrize("damage", [remove, resize])
def test_a_damaged_part_is_reported_with_the_content_and_refused(
    database: sa.Engine, damage: Callable[[sa.Connection, str], None]
) -> None:
    run_id = saved(database, content_of(FILES))
    with database.connect() as connection:
        largest = sa.select(blobs.c.digest).where(blobs.c.codec != MANIFEST).order_by(blobs.c.size.desc()).limit(1)
        digest = str(connection.scalar(largest))
    with database.begin() as connection:
        damage(connection, digest)
    for problems in (mismatches(database), mismatches(database, run_id)):
        assert any(f"its part {digest} is missing or has another size" in str(problem) for problem in problems)
        assert any("artifact 'a'" in str(problem) for problem in problems)
    with pytest.raises(CorruptArtifactError, match="artifact 'a'"):
        SqlHistory(database).message_of(run_id, "a").content  # noqa: B018


def test_no_part_is_collected_while_a_manifest_is_damaged(database: sa.Engine) -> None:
    run_id = saved(database, content_of(FILES))
    with database.begin() as connection:
        digests = list(connection.scalars(sa.select(blobs.c.digest).where(blobs.c.codec != MANIFEST)))
        connection.execute(sa.update(blobs).where(blobs.c.codec == MANIFEST), {"data": b"damaged"})
        connection.execute(sa.insert(gc_candidates), [{"digest": digest, "generation": 1} for digest in digests])
    collect_garbage(database, actor="test")
    assert set(digests) <= set(stored(database))
    with pytest.raises(CorruptArtifactError, match="its manifest cannot be read"):
        SqlHistory(database).message_of(run_id, "a")


def test_contents_in_parts_move_with_an_archive(database: sa.Engine, tmp_path: Path) -> None:
    keys = keyring_of(database)
    first = saved(database, content_of(FILES))
    second = saved(database, content_of(FILES, **{"7": "ann"}))
    archive_runs(database, [first, second], tmp_path / "runs.zip", actor="test")
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with migrated(url):
        other = open_engine(url, synchronous="NORMAL", keys=keys)
        restore_runs(other, tmp_path / "runs.zip", RestoreOptions(), actor="test")
        assert SqlHistory(other).message_of(first, "a").content == content_of(FILES)
        assert SqlHistory(other).message_of(second, "a").content == content_of(FILES, **{"7": "ann"})
        assert stored(other) == stored(database)
        assert mismatches(other) == []
        other.dispose()


def test_a_content_with_a_part_that_was_erased_here_is_not_restored(database: sa.Engine, tmp_path: Path) -> None:
    keys = keyring_of(database)
    first = saved(database, content_of(FILES, **{"7": "ann"}))
    second = saved(database, content_of(FILES[3:], **{"7": "ann"}))
    for number, run_id in enumerate((first, second)):
        archive_runs(database, [run_id], tmp_path / f"{number}.zip", actor="test")
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with migrated(url):
        other = open_engine(url, synchronous="NORMAL", keys=keys)
        restore_runs(other, tmp_path / "0.zip", RestoreOptions(), actor="test")
        (found,) = SqlRetention(other).find_contents(["ann "])
        SqlRetention(other).erase([found.digest], reason="request 7", caller=DPO)
        restored = restore_runs(other, tmp_path / "1.zip", RestoreOptions(), actor="test")
        assert restored.erased_contents == 1
        with pytest.raises(PrunedArtifactError, match="a part of it was erased"):
            SqlHistory(other).message_of(second, "a")
        assert SqlRetention(other).find_contents(["ann "]) == []
        assert mismatches(other) == []
        other.dispose()
