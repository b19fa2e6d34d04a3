"""Erasure on both databases: contents are found, their bytes and keys are destroyed, and history remains."""

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from waivern import EncryptionError, Message, PrunedArtifactError, RunError, Schema
from waivern.caller import Caller
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.engine import open_engine
from waivern.database.connection.keyring import new_key, read_keyring
from waivern.database.data.residual_mentions import text_columns
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blob_keys, blobs, metadata
from waivern.history.events import EventKind
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": []})
DPO = Caller("dpo@host")


def run_with(engine: sa.Engine, **texts: str) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    for name, text in texts.items():
        run.store.save(name, message_of(data=[{"content": text}]))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def digests_of(engine: sa.Engine, text: str) -> list[str]:
    return [content.digest for content in SqlRetention(engine).find_contents([text])]


def found(engine: sa.Engine, *texts: str) -> list[tuple[str, str]]:
    return sorted(
        (use.run_id, use.artifact_id) for content in SqlRetention(engine).find_contents(texts) for use in content.uses
    )


def test_a_text_is_found_in_contents_of_any_size_and_run_ignoring_case(database: sa.Engine) -> None:
    first = run_with(database, a='Ann O\'Hara "the boss" lives here', b="a different person")
    second = run_with(database, a="nothing", b="x" * 3_000_000 + "ANN O'HARA")
    assert found(database, "ann o'hara") == sorted([(first, "a"), (second, "b")])
    assert found(database, 'Hara "the') == [(first, "a")]
    assert found(database, "a different person", "NOTHING") == sorted([(first, "b"), (second, "a")])
    assert found(database, "jo") == []


def test_erased_content_is_gone_in_every_run_and_the_history_remains(database: sa.Engine) -> None:
    one, other = run_with(database, a="ann", b="bo"), run_with(database, a="ann")
    digests = digests_of(database, "ann")
    assert SqlRetention(database).erase(digests, reason="request 7", caller=DPO) == 1
    history = SqlHistory(database)
    for run_id in (one, other):
        with pytest.raises(PrunedArtifactError, match=r"on 20.* \(erased: request 7\)"):
            history.message_of(run_id, "a")
        assert history.artifacts_of(run_id)[0].digest == digests[0]
    assert history.message_of(one, "b").content["data"] == [{"content": "bo"}]
    with database.connect() as connection:
        row = connection.execute(sa.select(blobs).where(blobs.c.digest == digests[0])).one()
        assert (row.codec, bytes(row.data), row.stored_size) == (TOMBSTONE, b"", 0)
        assert connection.execute(sa.select(blob_keys).where(blob_keys.c.digest == digests[0])).all() == []
    event = SqlAuditLog(database).newest(limit=1)[0]
    assert (event.kind, event.actor) == (EventKind.CONTENTS_ERASED, "user:dpo@host")
    assert event.body == {"digests": digests, "reason": "request 7"}
    assert SqlRetention(database).erase(digests, reason="again", caller=DPO) == 0


def test_a_later_run_stores_the_same_content_again_and_earlier_runs_stay_erased(database: sa.Engine) -> None:
    before = run_with(database, a="ann")
    SqlRetention(database).erase(digests_of(database, "ann"), reason="r", caller=DPO)
    later = run_with(database, a="ann")
    assert found(database, "ann") == [(later, "a")]
    with pytest.raises(PrunedArtifactError):
        SqlHistory(database).message_of(before, "a")


def test_content_of_an_unfinished_run_is_not_erased(database: sa.Engine) -> None:
    run = SqlRunStore(database).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("a", message_of(data=[{"content": "ann"}]))
    digests = digests_of(database, "ann")
    with pytest.raises(RunError, match="is unfinished"):
        SqlRetention(database).erase(digests, reason="r", caller=DPO)
    run.log.close(RunStatus.SUCCEEDED)
    assert SqlRetention(database).erase(digests, reason="r", caller=DPO) == 1


def test_the_contents_of_a_run_or_of_one_artifact_are_found(database: sa.Engine) -> None:
    run_id = run_with(database, a="ann", b="bo")
    run_with(database, a="ann")
    retention = SqlRetention(database)
    assert sorted(len(content.uses) for content in retention.contents_of_run(run_id)) == [1, 2]
    assert [len(content.uses) for content in retention.contents_of_run(run_id, "b")] == [1]


def test_content_cannot_be_searched_without_its_key(database_url: str) -> None:
    with migrated(database_url) as without:
        engine = open_engine(database_url, keys=read_keyring(text=new_key()))
        run_with(engine, a="ann")
        engine.dispose()
        with pytest.raises(EncryptionError, match="no key is given"):
            SqlRetention(without).find_contents(["ann"])


def test_rows_that_mention_a_text_are_counted_by_kind(database: sa.Engine) -> None:
    run = SqlRunStore(database).create(PLAN, trigger="test", caller=CALLER)
    left_out = [{"name": 'JÖRG "the boss".bin', "reason": "binary"}]
    content = {"schemaVersion": "1.0.0", "name": "x", "source": "x", "data": [], "metadata": {"not_scanned": left_out}}
    run.store.save("a", Message("", content, Schema("standard_input", "1.0.0")))
    run.log.close(RunStatus.FAILED, error='there is no Jörg "The Boss".txt')
    retention = SqlRetention(database)
    assert retention.count_mentions(['jörg "the boss"']) == {
        "overviews": 1,
        "run attempts": 1,
        "runs": 1,
    }
    assert retention.count_mentions(["jörg the boss", "a different person"]) == {}


def test_every_table_with_text_from_outside_is_searched() -> None:
    searched = {column.table.name for _, columns in text_columns() for column in columns}
    without_text = {"blobs", "blob_keys", "periodic_tasks", "schedule_triggers", "skipped_times", "gc_candidates"}
    without_text |= {"part_results", "part_result_kinds"}  # compressed, and deleted with the parts
    derived_from_findings = {"finding_state_cursors", "current_findings", "finding_locations"}
    assert metadata.tables.keys() - searched == without_text | derived_from_findings
