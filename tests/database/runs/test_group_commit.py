"""The writer that commits for many ends with the write that it was closed with."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.servers.databases import sqlite_url
from waivern.database.connection.engine import open_engine
from waivern.database.connection.retries import sleep_with_jitter
from waivern.database.runs.group_commit import GroupCommitWriter


class SlowQueue:
    """A queue whose other end is always quicker than the next thing that is put into it."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def put(self, item: object) -> None:
        self._queue.put(item)
        sleep_with_jitter(0.05, 0.06)

    def get(self, timeout: float | None = None) -> object:
        return self._queue.get(timeout=timeout)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(sqlite_url(tmp_path))
    yield engine
    engine.dispose()


def test_no_transaction_follows_the_final_write(engine: sa.Engine) -> None:
    done: list[str] = []
    writer = GroupCommitWriter(engine, guard=lambda _: done.append("guard"), keep_alive_s=60)
    writer._jobs = SlowQueue(writer._jobs)  # type: ignore[assignment]
    writer.close(lambda _: done.append("last"))
    assert done == ["guard", "last"]


def test_waiting_writes_are_committed_before_the_final_write(engine: sa.Engine) -> None:
    done: list[str] = []
    writer = GroupCommitWriter(engine, guard=lambda _: None, keep_alive_s=60)
    writer.submit(lambda _: done.append("note"), urgent=False)
    writer.close(lambda _: done.append("last"))
    assert done == ["note", "last"]
    with pytest.raises(RuntimeError, match="closed"):
        writer.submit(lambda _: None)


def written_together(engine: sa.Engine, *writes: tuple[str, bool, str | None]) -> list[str]:
    """What is done of writes (name, urgent, about) that go into one transaction."""
    done: list[str] = []
    may_go = threading.Event()
    writer = GroupCommitWriter(engine, guard=lambda _: None, keep_alive_s=60)
    writer.submit(lambda _: wait_for(may_go))  # what comes meanwhile waits, and goes together
    submitted = [
        writer.submit(lambda _, name=name: done.append(name), urgent=urgent, key=about)  # type: ignore[misc]
        for name, urgent, about in writes
    ]
    may_go.set()
    assert [future.exception(60) for future in submitted] == [None] * len(writes)
    writer.close(lambda _: None)
    return done


def wait_for(event: threading.Event) -> None:
    assert event.wait(60)


def test_a_deferred_write_is_left_out_if_an_urgent_one_has_its_key(engine: sa.Engine) -> None:
    writes = (("a runs", False, "a"), ("b runs", False, "b"), ("something", False, None), ("a is saved", True, "a"))
    assert written_together(engine, *writes) == ["b runs", "something", "a is saved"]


def test_a_deferred_write_replaces_no_other_write(engine: sa.Engine) -> None:
    writes = (("a runs", False, "a"), ("a runs again", False, "a"), ("something", True, None))
    assert written_together(engine, *writes) == ["a runs", "a runs again", "something"]


def test_a_deferred_write_is_kept_if_the_urgent_one_fails(engine: sa.Engine) -> None:
    done: list[str] = []
    may_go = threading.Event()
    writer = GroupCommitWriter(engine, guard=lambda _: None, keep_alive_s=60)

    def fail(_: object) -> None:
        raise ZeroDivisionError

    writer.submit(lambda _: wait_for(may_go))
    writer.submit(lambda _: done.append("a runs"), urgent=False, key="a")
    saved = writer.submit(fail, key="a")
    may_go.set()
    assert isinstance(saved.exception(60), ZeroDivisionError)
    writer.close(lambda _: None)
    assert done == ["a runs"]
