"""What the twelfth migration does with artifacts that were kept whole in each run."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from waivern.database.connection.engine import open_engine, writing
from waivern.database.events.run_merkle import RunProof
from waivern.database.runs.run_history import SqlRunHistory
from waivern.database.schema.migration import NEWEST, differences, downgrade, upgrade
from waivern.database.verification.verifier import SqlVerifier
from waivern.runs.run import RunStatus

CONTENT = hashlib.sha256(b"{}").digest()
AN_INSTANT = "2026-11-01 02:00:00.250000"
ROOTS = {  # as the code of revision 0011 computed them
    "01a0-first": "9d1e47bfbbb32c8ead7eb82bdec5a1813bf323128f597a822751495a5a5d32a4",
    "01a0-second": "99a4d2a3a9108188b91f4e14da89032b133fbbb2363a5f0a672df83e9e3c378f",
}
EVERY_TABLE = ("runs", "artifacts", "artifact_inputs", "artifact_attempts", "run_attempts")


@pytest.fixture
def at_0011(database_url: str) -> Iterator[sa.Engine]:
    """A database of revision 0011 with two runs of one runbook: one of them has a failure, none has an event."""
    engine = open_engine(database_url)
    upgrade(engine, "0011")
    with writing(engine) as connection:
        insert(connection, "runbooks", digest=b"\x01" * 32, name="Old", sources="{}")
        insert(connection, "blobs", digest=CONTENT, codec="raw", size=2, stored_size=2, data=b"{}")
        for run_id in ROOTS:
            remember_a_run(connection, run_id)
    yield engine
    engine.dispose()


def remember_a_run(connection: sa.Connection, run_id: str) -> None:
    times = {"started_at": AN_INSTANT, "ended_at": AN_INSTANT}
    of_run = {"run_id": run_id, "epoch": 1}
    insert(
        connection,
        "runs",
        id=run_id,
        runbook_digest=b"\x01" * 32,
        runbook_name="Old",
        trigger="manual",
        epoch=1,
        **{"status": "failed", "created_at": AN_INSTANT, **times},
    )
    insert(connection, "run_attempts", **of_run, worker_id="host:boot:1", outcome="failed", **times)
    plain = {**of_run, "output": False, "optional": False, **times}
    made = {**plain, "status": "succeeded", "digest": CONTENT, "schema": "standard_input/1.0.0"}
    source = {"kind": "source", "component": "filesystem", "retain": "86400.0", "aliases": '["a", "child/ä\\n"]'}
    pruned = {"pruned_at": AN_INSTANT, "pruned_because": "retain: 1 day"}
    insert(connection, "artifacts", artifact_id="files", position=0, saved_position=1, **source, **pruned, **made)
    merged = {"kind": "merge", "overview": '{"items":3}', "message_context": '{"by": "x"}', "message_id": "m"}
    insert(connection, "artifacts", artifact_id="Both", position=1, saved_position=2, **merged, **made)
    error = f"it broke in {run_id}"
    insert(
        connection,
        "artifacts",
        **{"artifact_id": "found", "position": 2, "kind": "process", "component": "personal_data", **plain},
        status="failed",
        error=error,
    )
    for artifact_id, position, input_id in (("Both", 0, "files"), ("found", 0, "files"), ("found", 1, "Both")):
        edge = {"artifact_id": artifact_id, "position": position, "input_id": input_id}
        insert(connection, "artifact_inputs", run_id=run_id, **edge)
    insert(connection, "artifact_attempts", artifact_id="found", attempt=1, error=error, **of_run, **times)


def insert(connection: sa.Connection, table: str, **values: Any) -> None:
    """Write a row; what is JSON as the text that it is."""
    is_postgres = connection.dialect.name == "postgresql"
    json_columns = {"sources", "aliases", "overview", "message_context"} if is_postgres else set[str]()
    places = (f"CAST(:{name} AS JSON)" if name in json_columns else f":{name}" for name in values)
    columns = ", ".join(f'"{name}"' for name in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(places)})"), values)


def rows_of(engine: sa.Engine) -> dict[str, list[str]]:
    """All rows of the tables that are made anew, whatever the order of their columns."""
    with engine.connect() as connection:
        return {
            table: sorted(
                str(sorted(row._mapping.items())) for row in connection.execute(sa.text(f"SELECT * FROM {table}"))
            )
            for table in EVERY_TABLE
        }


def test_artifacts_are_told_as_they_were(at_0011: sa.Engine) -> None:
    assert upgrade(at_0011) == NEWEST
    files, both, found = SqlRunHistory(at_0011).artifacts_of("01a0-second")
    assert (files.artifact_id, files.kind, files.component, files.inputs) == ("files", "source", "filesystem", ())
    assert (files.aliases, files.retain, files.pruned_because) == (("a", "child/ä\n"), "86400.0", "retain: 1 day")
    assert (both.kind, both.schema, both.inputs) == ("merge", "standard_input/1.0.0", ("files",))
    assert both.overview is not None
    assert (both.overview.items, both.digest, both.size) == (3, CONTENT.hex(), 2)
    assert (found.inputs, found.error) == (("files", "Both"), "it broke in 01a0-second")
    assert SqlRunHistory(at_0011).failed_attempts_of("01a0-second")[0].error == "it broke in 01a0-second"
    assert SqlRunHistory(at_0011).find("01a0-first").status is RunStatus.FAILED


def test_what_two_runs_declare_alike_is_kept_once(at_0011: sa.Engine) -> None:
    upgrade(at_0011)
    assert number_of_rows(at_0011, "artifact_declarations") == 3
    assert number_of_rows(at_0011, "artifacts") == 6


def test_what_proves_a_run_is_what_it_was(at_0011: sa.Engine) -> None:
    upgrade(at_0011)
    with at_0011.connect() as connection:
        assert {run_id: RunProof.of(connection, run_id).root for run_id in ROOTS} == ROOTS
    assert SqlVerifier(at_0011).verify(progress=lambda _what, _done: None).damage == 0


def test_the_way_back_gives_the_rows_that_there_were(at_0011: sa.Engine) -> None:
    before = rows_of(at_0011)
    upgrade(at_0011)
    assert downgrade(at_0011, "0011") == "0011"
    assert rows_of(at_0011) == before
    upgrade(at_0011)
    assert differences(at_0011) == []
    downgrade(at_0011, "0011")
    assert rows_of(at_0011) == before


def test_a_run_takes_along_what_hangs_on_it_after_each_way(at_0011: sa.Engine) -> None:
    for go in (lambda: upgrade(at_0011), lambda: downgrade(at_0011, "0011")):
        go()
        with writing(at_0011) as connection:
            connection.execute(sa.text("DELETE FROM runs WHERE id = (SELECT min(id) FROM runs)"))
        runs, *others = [number_of_rows(at_0011, table) for table in EVERY_TABLE if table != "artifact_inputs"]
        assert others == [3 * runs, runs, runs]
    assert runs == number_of_rows(at_0011, "artifact_inputs") == 0


def number_of_rows(engine: sa.Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)
