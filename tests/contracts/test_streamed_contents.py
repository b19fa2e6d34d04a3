"""A stored content can be gone through item by item, small or large, and what was changed is told before any item."""

import pytest
import sqlalchemy as sa

from waivern.database.run_history import SqlRunHistory
from waivern.database.run_register import SqlRunRegister
from waivern.database.tables import blobs
from waivern.errors import ArtifactNotFoundError, CorruptArtifactError
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.testing.builders import plan_of_dag

SCHEMA = Schema("any", "1.0.0")


def run_of(engine: sa.Engine, number: int) -> str:
    run = SqlRunRegister(engine).begin(plan_of_dag({"found": []}), trigger="test")
    items = [{"number": each, "text": f"{each:06d}" * 200} for each in range(number)]
    run.store.save("found", Message("", {"before": 1, "items": items, "later": {"items": 2}}, SCHEMA))
    return run.run_id


@pytest.mark.parametrize("number", [0, 3, 4000])
def test_items_come_one_by_one_and_what_stands_around_them_by_itself(engine: sa.Engine, number: int) -> None:
    run_id, history = run_of(engine, number), SqlRunHistory(engine)
    assert [each["number"] for each in history.items_of(run_id, "found", "items")] == list(range(number))
    assert history.content_around(run_id, "found", "items") == {"before": 1, "later": {"items": 2}}
    assert list(history.items_of(run_id, "found", "nothing")) == []


def test_a_changed_content_gives_no_item(engine: sa.Engine) -> None:
    run_id, history = run_of(engine, 4000), SqlRunHistory(engine)
    with engine.begin() as connection:
        data = bytearray(connection.execute(sa.select(blobs.c.data)).scalar_one())
        data[-200] ^= 1
        connection.execute(sa.update(blobs).values(data=bytes(data)))
    with pytest.raises(CorruptArtifactError, match="is not what was saved"):
        next(iter(history.items_of(run_id, "found", "items")))


def test_what_was_not_made_is_named(engine: sa.Engine) -> None:
    with pytest.raises(ArtifactNotFoundError, match="There are: found"):
        SqlRunHistory(engine).items_of(run_of(engine, 1), "lost", "items")
