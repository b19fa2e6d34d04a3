"""Stored contents of any size are read part by part, and no item of an altered part is read."""

import random
import zlib

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.split_contents import in_pieces
from waivern.database.blobs import blob_store
from waivern.database.blobs.blob import Blob
from waivern.database.blobs.blob_store import LARGE_BLOB_BYTES
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import artifacts, blobs
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
    assert SqlHistory(engine).message_of(run_id, "found").content["later"] == {"items": 2}


def test_no_item_of_an_altered_part_is_read(engine: sa.Engine) -> None:
    run_id, history = run_of(engine, 4000), SqlHistory(engine)
    with engine.begin() as connection:
        part = sa.select(blobs).where(blobs.c.codec == "zstd").order_by(blobs.c.size.desc()).limit(1)
        largest = connection.execute(part).one()
        data = bytearray(largest.data)
        data[-200] ^= 1
        connection.execute(sa.update(blobs).where(blobs.c.digest == largest.digest), {"data": bytes(data)})
    read = []
    with pytest.raises(CorruptArtifactError, match="is not what was saved"):
        read.extend(history.items_of(run_id, "found", "items"))
    with engine.begin() as connection:
        connection.execute(sa.delete(blobs).where(blobs.c.digest == largest.digest))
    with pytest.raises(CorruptArtifactError, match=f"its part {largest.digest} is missing"):
        list(history.items_of(run_id, "found", "items"))


def test_a_single_item_larger_than_memory_is_written_and_read_in_chunks(engine: sa.Engine) -> None:
    text = random.Random(1).randbytes(20_000_000).hex()
    content = {"before": 1, "items": [{"text": text}], "later": 2}
    run = SqlRunStore(engine).create(plan_of_dag({"found": [], "again": []}), trigger="test", caller=CALLER)
    run.store.save("found", Message("", content, SCHEMA))
    with engine.connect() as connection:
        stored = connection.execute(sa.select(blobs).order_by(blobs.c.stored_size.desc()).limit(1)).one()
        number = connection.scalar(sa.select(sa.func.count()).select_from(blobs))
    data = stored.data or stored.chunked_data
    assert stored.stored_size == len(data) > LARGE_BLOB_BYTES
    assert stored.checksum == zlib.crc32(data)
    message = SqlHistory(engine).message_of(run.run_id, "found")
    assert list(message.items_of("items") or ()) == content["items"]
    assert message.envelope_without("items") == {"before": 1, "later": 2}
    run.store.save("again", message)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(blobs)) == number


def test_a_content_that_an_earlier_version_stored_in_pieces_is_read(engine: sa.Engine) -> None:
    content = {"before": 1, "items": [{"number": number, "text": "x" * 999} for number in range(3_000)], "later": 2}
    run_id, history = run_of(engine, 0), SqlHistory(engine)
    digest, size, data = in_pieces(content, "items")
    with engine.begin() as connection:
        blob_store.store(connection, Blob(digest, "zstd-parts", size, data))
        connection.execute(sa.update(artifacts).where(artifacts.c.artifact_id == "found"), {"digest": digest})
    assert history.message_of(run_id, "found").content == content
    assert list(history.items_of(run_id, "found", "items")) == content["items"]
    assert history.envelope_without(run_id, "found", "items") == {"before": 1, "later": 2}


def test_an_unknown_artifact_is_reported_with_the_known_ones(engine: sa.Engine) -> None:
    with pytest.raises(ArtifactNotFoundError, match="Known: found"):
        SqlHistory(engine).items_of(run_of(engine, 1), "lost", "items")
