"""The audit log on every database: events form one chain, also under concurrent writers."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from waivern import WaivernError
from waivern.caller import Caller
from waivern.database.audit_log import SqlAuditLog
from waivern.database.connection.engine import writing
from waivern.database.events import event_rows
from waivern.database.schema.tables import events
from waivern.history.events import GENESIS_HASH, Event, EventKind, event_hash
from waivern.messages.canonical import canonical_bytes

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
THREADS, EVENTS_EACH = 6, 10


@pytest.fixture
def log(engine: sa.Engine) -> SqlAuditLog:
    return SqlAuditLog(engine)


def appended(log: SqlAuditLog, kind: str = "tried", **body: Any) -> Event:
    return log.append(caller=Caller("ann@desk"), kind=kind, body=body)


def recomputed(event: Event) -> str:
    fields = {name: getattr(event, name) for name in ("seq", "at", "actor", "kind", "previous")}
    return event_hash(body=canonical_bytes(event.body), **fields)


def test_an_event_is_read_back_unchanged(log: SqlAuditLog) -> None:
    event = appended(log, b=1, a={"z": [1.5, None, True], "y": "Zoë"})
    assert list(log.read())[-1] == event
    assert (event.actor, event.kind, event.body) == (
        "user:ann@desk",
        "tried",
        {"a": {"y": "Zoë", "z": [1.5, None, True]}, "b": 1},
    )


def test_the_first_event_holds_the_id_of_the_chain(log: SqlAuditLog) -> None:
    appended(log)
    first, second = log.read()
    assert (first.seq, first.kind, first.previous) == (1, EventKind.CHAIN_STARTED, GENESIS_HASH)
    assert len(first.body["installation"]) == 36
    assert (second.seq, second.previous) == (2, first.hash)


def test_each_event_holds_the_hash_of_the_event_before(log: SqlAuditLog) -> None:
    for number in range(5):
        appended(log, number=number)
    chain = list(log.read())
    assert [event.seq for event in chain] == [1, 2, 3, 4, 5, 6]
    assert all(after.previous == before.hash for before, after in pairwise(chain))
    assert [recomputed(event) for event in chain] == [event.hash for event in chain]


def test_a_body_is_stored_exactly_as_it_is_hashed(log: SqlAuditLog, engine: sa.Engine) -> None:
    body = {"b": 1e22, "a": "\u2028 \x00 <&>", "list": [{"z": 0.1, "y": -0.0}]}
    event = appended(log, **body)
    with engine.connect() as connection:
        stored = connection.scalar(sa.select(sa.cast(events.c.body, sa.Text)).where(events.c.seq == event.seq))
    assert stored.encode() == canonical_bytes(body)


def test_concurrent_appends_do_not_fork_the_chain(log: SqlAuditLog) -> None:
    threads = [
        threading.Thread(
            target=lambda who=who: [appended(log, who=who, number=number) for number in range(EVENTS_EACH)]
        )
        for who in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain = list(log.read())
    assert [event.seq for event in chain] == list(range(1, THREADS * EVENTS_EACH + 2))
    assert all(after.previous == before.hash for before, after in pairwise(chain))
    for who in range(THREADS):
        assert [event.body["number"] for event in chain if event.body.get("who") == who] == list(range(EVENTS_EACH))


def test_an_event_is_rolled_back_with_its_transaction(log: SqlAuditLog, engine: sa.Engine) -> None:
    appended(log)
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        event_rows.append(connection, actor="ann@desk", kind="tried", body={}, at=NOW)
        raise ZeroDivisionError
    assert [event.seq for event in log.read()] == [1, 2]
    assert appended(log).seq == 3


def test_events_are_read_after_a_number_and_by_kind(log: SqlAuditLog) -> None:
    for number in range(6):
        appended(log, kind="even" if number % 2 == 0 else "odd", number=number)
    assert [event.seq for event in log.read(after=2, limit=3)] == [3, 4, 5]
    assert [event.body["number"] for event in log.read(kinds=["odd"])] == [1, 3, 5]
    assert [event.seq for event in log.read(limit=0)] == []


def test_the_newest_events_come_first(log: SqlAuditLog) -> None:
    for number in range(5):
        appended(log, kind="even" if number % 2 == 0 else "odd", number=number)
    newest = log.newest(limit=2)
    assert [event.seq for event in newest] == [6, 5]
    assert [event.seq for event in log.newest(limit=2, before=newest[-1].seq)] == [4, 3]
    assert [event.body["number"] for event in log.newest(limit=9, kinds=["even"])] == [4, 2, 0]
    assert log.newest(limit=9, since=newest[0].at + timedelta(seconds=1)) == []


def test_characters_that_no_database_accepts_are_escaped(log: SqlAuditLog) -> None:
    event = log.append(caller=Caller("ann\x00\udc80@desk"), kind="tried", body={"path": "a\udc80b", "list": ["\udc80"]})
    (read,) = log.read(after=1)
    assert read == event
    assert (read.actor, read.body["path"]) == ("user:ann\\x00\\udc80@desk", "a\\udc80b")
    assert recomputed(read) == read.hash


def test_a_body_that_is_not_json_is_refused(log: SqlAuditLog) -> None:
    with pytest.raises(WaivernError, match="not JSON"):
        appended(log, odd=object())
    assert list(log.read()) == []
