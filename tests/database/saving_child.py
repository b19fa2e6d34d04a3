"""A process that saves artifacts until it is killed: in sound order, or (to see that it is noticed) state first."""

import itertools
from multiprocessing.connection import Connection

import sqlalchemy as sa

from waivern.database import artifact_store, blobs
from waivern.database.engine import open_engine, writing
from waivern.database.run_register import SqlRunRegister
from waivern.testing.builders import message_of, plan_of_dag


def save_wrongly(engine: sa.Engine) -> None:
    """From now on commit an artifact's state first, and its message in a transaction after it."""

    def write(store, connection, values, blob, found) -> None:  # type: ignore[no-untyped-def]
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        sound(store, connection, values, None, found)
        if blob is not None:
            late.append(blob)

    def save(store, artifact_id, message) -> None:  # type: ignore[no-untyped-def]
        saved(store, artifact_id, message)
        with writing(engine) as connection:
            blobs.store(connection, late.pop())

    late: list[blobs.Blob] = []
    sound = artifact_store.SqlArtifactStore._write
    saved = artifact_store.SqlArtifactStore.save
    artifact_store.SqlArtifactStore._write = write  # type: ignore[method-assign]
    artifact_store.SqlArtifactStore.save = save  # type: ignore[method-assign]

    @sa.event.listens_for(engine, "connect")
    def without_foreign_keys(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA foreign_keys = OFF")


def save_until_killed(url: str, order: str, parent: Connection) -> None:
    """Save artifact after artifact in a new run; tell the parent when the first is saved."""
    engine = open_engine(url, synchronous="NORMAL")
    if order == "state first":
        save_wrongly(engine)
    run = SqlRunRegister(engine).begin(plan_of_dag({"first": []}), trigger="test")
    for number in itertools.count():
        name = f"artifact {number}"
        run.store.save(name, message_of(name=name, run=run.run_id, filler="x" * (number % 7) * 1000))
        if number == 0:
            parent.send("saving")
