"""Stored contents of any size are read item by item, and altered contents are refused before the first item."""

import random
import zlib

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern.database.blobs.blob_store import LARGE_BLOB_BYTES
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blobs
from waivern.errors import ArtifactNotFoundError, CorruptArtifactError
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.testing.builders import plan_of_dag

SCHEMA = Schema("any", "1.0.0")


def run_of(engine: sa.Engine, number: int) -> str:
    run = SqlRunStore(engine).create(plan_of_dag({"found": []}), trigger="test", caller=CALLER)
    items = [{"number": index, "text": f"{index:06d}" * 200} for index in range(number)]
    run.store.save("found", Message("", {"before": 1, "items": items, "later": {"items": 2}}, SCHEMA))
    return run.run_id


@pytest.mark.parametrize("number", [0, 3, 4000])
def test_items_are_read_one_by_one_and_the_envelope_separately(engine: sa.Engine, number: int) -> None:
    run_id, history = run_of(engine, number), SqlHistory(engine)
    assert [item["number"] for item in history.items_of(run_id, "found", "items")] == list(range(number))
    assert history.envelope_without(run_id, "found", "items") == {"before": 1, "later": {"items": 2}}
    assert list(history.items_of(run_id, "found", "nothing")) == []


def test_an_altered_content_yields_no_item(engine: sa.Engine) -> None:
    run_id, history = run_of(engine, 4000), SqlHistory(engine)
    with engine.begin() as connection:
        data = bytearray(connection.execute(sa.select(blobs.c.data)).scalar_one())
        data[-200] ^= 1
        connection.execute(sa.update(blobs).values(data=bytes(data)))
    with pytest.raises(CorruptArtifactError, match="is not what was saved"):
        next(iter(history.items_of(run_id, "found", "items")))


def test_a_content_larger_than_memory_is_written_and_read_in_chunks(engine: sa.Engine) -> None:
    generator = random.Random(1)
    items = [{"text": generator.randbytes(500).hex()} for _ in range(40_000)]
    content = {"before": 1, "items": items, "later": 2}
    run = SqlRunStore(engine).create(plan_of_dag({"found": [], "again": []}), trigger="test", caller=CALLER)
    run.store.save("found", Message("", content, SCHEMA))
    with engine.connect() as connection:
        stored = connection.execute(sa.select(blobs)).one()
    data = stored.data or stored.chunked_data
    assert stored.stored_size == len(data) > LARGE_BLOB_BYTES
    assert stored.checksum == zlib.crc32(data)
    message = SqlHistory(engine).message_of(run.run_id, "found")
    assert list(message.items_of("items") or ()) == items
    assert message.envelope_without("items") == {"before": 1, "later": 2}
    run.store.save("again", message)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(blobs)) == 1


def test_an_unknown_artifact_is_reported_with_the_known_ones(engine: sa.Engine) -> None:
    with pytest.raises(ArtifactNotFoundError, match="Known: found"):
        SqlHistory(engine).items_of(run_of(engine, 1), "lost", "items")
