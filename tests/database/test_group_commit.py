"""The writer that commits for many ends with the write that it was closed with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.databases import sqlite_url
from waivern.database.engine import open_engine
from waivern.database.group_commit import GroupCommitWriter
from waivern.database.resting import rest


class SlowQueue:
    """A queue whose other end is always quicker than the next thing that is put into it."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def put(self, item: object) -> None:
        self._queue.put(item)
        rest(0.05, 0.06)

    def get(self, timeout: float | None = None) -> object:
        return self._queue.get(timeout=timeout)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(sqlite_url(tmp_path))
    yield engine
    engine.dispose()


def test_no_transaction_follows_the_last_write(engine: sa.Engine) -> None:
    done: list[str] = []
    writer = GroupCommitWriter(engine, guard=lambda _: done.append("guard"), keep_alive_s=60)
    writer._jobs = SlowQueue(writer._jobs)  # type: ignore[assignment]
    writer.close(lambda _: done.append("last"))
    assert done == ["guard", "last"]


def test_what_waits_is_written_before_the_last_write(engine: sa.Engine) -> None:
    done: list[str] = []
    writer = GroupCommitWriter(engine, guard=lambda _: None, keep_alive_s=60)
    writer.submit(lambda _: done.append("note"), urgent=False)
    writer.close(lambda _: done.append("last"))
    assert done == ["note", "last"]
    with pytest.raises(RuntimeError, match="closed"):
        writer.submit(lambda _: None)
