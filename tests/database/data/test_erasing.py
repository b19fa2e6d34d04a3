"""What every database does with contents that are to be erased: they are found, go for good, and history stays."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from waivern import EncryptionError, Message, PrunedArtifactError, RunError, Schema
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.engine import open_engine
from waivern.database.connection.keyring import new_key, read_keyring
from waivern.database.data.eraser import SqlEraser
from waivern.database.data.residual_mentions import columns_of_text
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blob_keys, blobs, metadata
from waivern.history.events import EventKind
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": []})


@pytest.fixture(params=["plain", "encrypted"])
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[sa.Engine]:
    """A database whose contents are stored as they are, then one whose contents are encrypted."""
    key = new_key() if request.param == "encrypted" else ""
    with migrated(database_url):
        opened = open_engine(database_url, synchronous="NORMAL", keys=read_keyring(text=key))
        yield opened
        opened.dispose()


def run_with(engine: sa.Engine, **texts: str) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    for name, text in texts.items():
        run.store.save(name, message_of(data=[{"content": text}]))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def found(engine: sa.Engine, *texts: str) -> list[tuple[str, str]]:
    return sorted(
        (held.run_id, held.artifact_id) for each in SqlEraser(engine).containing(texts) for held in each.messages
    )


def test_a_text_is_found_in_messages_of_every_size_and_run_whatever_its_capitals(database: sa.Engine) -> None:
    first = run_with(database, a='Ann O\'Hara "the boss" lives here', b="somebody else")
    second = run_with(database, a="nothing", b="x" * 3_000_000 + "ANN O'HARA")
    assert found(database, "ann o'hara") == sorted([(first, "a"), (second, "b")])
    assert found(database, 'Hara "the') == [(first, "a")]
    assert found(database, "somebody", "NOTHING") == sorted([(first, "b"), (second, "a")])
    assert found(database, "jo") == []


def test_what_is_erased_is_gone_in_every_run_and_its_place_in_the_history_stays(database: sa.Engine) -> None:
    one, other = run_with(database, a="ann", b="bo"), run_with(database, a="ann")
    digests = [each.digest for each in SqlEraser(database).containing(["ann"])]
    assert SqlEraser(database).erase(digests, reason="request 7", actor="dpo@host") == 1
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
    assert (event.kind, event.actor) == (EventKind.CONTENTS_ERASED, "dpo@host")
    assert event.body == {"digests": digests, "reason": "request 7"}
    assert SqlEraser(database).erase(digests, reason="again", actor="dpo@host") == 0


def test_a_later_run_that_scans_it_again_keeps_it_again_and_the_erased_stay_erased(database: sa.Engine) -> None:
    before = run_with(database, a="ann")
    SqlEraser(database).erase([each.digest for each in SqlEraser(database).containing(["ann"])], reason="r", actor="t")
    later = run_with(database, a="ann")
    assert found(database, "ann") == [(later, "a")]
    with pytest.raises(PrunedArtifactError):
        SqlHistory(database).message_of(before, "a")


def test_a_run_that_is_going_on_is_not_erased_from(database: sa.Engine) -> None:
    run = SqlRunStore(database).create(PLAN, trigger="test", caller=CALLER)
    run.store.save("a", message_of(data=[{"content": "ann"}]))
    digests = [each.digest for each in SqlEraser(database).containing(["ann"])]
    with pytest.raises(RunError, match="is still going"):
        SqlEraser(database).erase(digests, reason="r", actor="t")
    run.log.close(RunStatus.SUCCEEDED)
    assert SqlEraser(database).erase(digests, reason="r", actor="t") == 1


def test_the_messages_of_a_run_or_of_one_artifact_are_found(database: sa.Engine) -> None:
    run_id = run_with(database, a="ann", b="bo")
    run_with(database, a="ann")
    assert sorted(len(each.messages) for each in SqlEraser(database).held_by(run_id)) == [1, 2]
    assert [len(each.messages) for each in SqlEraser(database).held_by(run_id, "b")] == [1]


def test_nobody_can_say_who_is_in_a_content_whose_key_is_missing(database_url: str) -> None:
    with migrated(database_url) as without:
        engine = open_engine(database_url, keys=read_keyring(text=new_key()))
        run_with(engine, a="ann")
        engine.dispose()
        with pytest.raises(EncryptionError, match="no key is given"):
            SqlEraser(without).containing(["ann"])


def test_every_row_beside_messages_that_names_somebody_is_told_by_what_it_is(database: sa.Engine) -> None:
    run = SqlRunStore(database).create(PLAN, trigger="test", caller=CALLER)
    left_out = [{"name": 'JÖRG "the boss".bin', "reason": "binary"}]
    content = {"schemaVersion": "1.0.0", "name": "x", "source": "x", "data": [], "metadata": {"not_scanned": left_out}}
    run.store.save("a", Message("", content, Schema("standard_input", "1.0.0")))
    run.log.close(RunStatus.FAILED, error='there is no Jörg "The Boss".txt')
    eraser = SqlEraser(database)
    assert eraser.named_elsewhere(['jörg "the boss"']) == {
        "attempts at runs": 1,
        "overviews of messages": 1,
        "runs": 1,
    }
    assert eraser.named_elsewhere(["jörg the boss", "somebody else"]) == {}


def test_every_table_with_a_text_from_outside_is_looked_through() -> None:
    looked_through = {column.table.name for _, columns in columns_of_text() for column in columns}
    assert metadata.tables.keys() - looked_through == {
        *(
            "blobs",
            "blob_keys",
            "periodic_tasks",
            "schedule_triggers",
            "gc_candidates",
        ),  # nothing but digests, keys and instants
        *("finding_state_cursors", "current_findings", "finding_locations"),  # repeat findings
    }
