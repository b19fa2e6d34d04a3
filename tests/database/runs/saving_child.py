"""Processes that are killed while they save (correctly, or status first, to prove the check) or prune."""

import itertools
from datetime import timedelta
from multiprocessing.connection import Connection

import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern.caller import Caller
from waivern.database.blobs import blob_store as blobs
from waivern.database.connection.engine import open_engine, writing
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs import artifact_store
from waivern.database.runs.run_store import SqlRunStore
from waivern.history.retention import PruneRequest
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of, plan_of_dag


def save_wrongly(engine: sa.Engine) -> None:
    """From now on commit an artifact's status first, and its message in a later transaction."""

    def write(store, connection, values, schema, form, blob, snapshot) -> None:  # type: ignore[no-untyped-def]
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        original_write(store, connection, values, schema, form, None, snapshot)
        if blob is not None:
            late.append(blob)

    def save(store, artifact_id, message) -> None:  # type: ignore[no-untyped-def]
        original_save(store, artifact_id, message)
        with writing(engine) as connection:
            blobs.store(connection, late.pop())

    late: list[blobs.Blob] = []
    original_write = artifact_store.SqlArtifactStore._write
    original_save = artifact_store.SqlArtifactStore.save
    artifact_store.SqlArtifactStore._write = write  # type: ignore[method-assign]
    artifact_store.SqlArtifactStore.save = save  # type: ignore[method-assign]
    blobs.protect = lambda *_any: None  # there is no blob yet to protect

    @sa.event.listens_for(engine, "connect")
    def without_foreign_keys(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA foreign_keys = OFF")


def prune_until_killed(url: str, parent: Connection) -> None:
    """Execute runs that keep nothing or share content, and prune whatever is older than 50 ms."""
    engine = open_engine(url, synchronous="NORMAL")
    retain: tuple[str | None, ...] = ("none", "until_success", None)
    for number in itertools.count():
        how = retain[number % 3]
        source = {"source": {"type": "any"}, **({"retain": how} if how else {})}
        run = SqlRunStore(engine).create(plan_of({"a": source, "b": source}), trigger="test", caller=CALLER)
        run.store.save("a", message_of(name="a", shared=number % 5))
        run.store.save("b", message_of(name="b", own=number, filler="x" * 5000))
        run.log.close(RunStatus.SUCCEEDED)
        if number % 4 == 3:
            SqlRetention(engine).prune(PruneRequest(older_than=timedelta(seconds=0.05)), caller=Caller("test"))
        if number == 0:
            parent.send("pruning")


def save_until_killed(url: str, order: str, parent: Connection) -> None:
    """Save artifact after artifact in a new run; tell the parent when the first is saved."""
    engine = open_engine(url, synchronous="NORMAL")
    if order == "status first":
        save_wrongly(engine)
    run = SqlRunStore(engine).create(plan_of_dag({"first": []}), trigger="test", caller=CALLER)
    for number in itertools.count():
        name = f"artifact {number}"
        run.store.save(name, message_of(name=name, run=run.run_id, filler="x" * (number % 7) * 1000))
        if number == 0:
            parent.send("saving")
