"""What the second migration does with what the first left behind."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from waivern.database.connection.engine import open_engine, writing
from waivern.database.schema.migration import NEWEST, downgrade, upgrade

AN_INSTANT = "2026-11-01 02:00:00"
TABLES_OF_0001 = {"alembic_version", "runbooks", "runs", "blobs", "artifacts", "artifact_inputs"}


@pytest.fixture
def at_0001(database_url: str) -> Iterator[sa.Engine]:
    """A database as the first version left it: with one run that made one artifact."""
    engine = open_engine(database_url)
    upgrade(engine, "0001")
    digest = b"\x01" * 32
    with writing(engine) as connection:
        execute(connection, "INSERT INTO runbooks VALUES (:digest, 'Old', '{}')", digest=digest)
        execute(
            connection,
            "INSERT INTO runs (id, runbook_digest, runbook_name, trigger, status, epoch, created_at)"
            " VALUES ('r', :digest, 'Old', 'manual', 'succeeded', 1, :at)",
            digest=digest,
            at=AN_INSTANT,
        )
        execute(connection, "INSERT INTO blobs VALUES (:digest, 'raw', 2, 2, :data)", digest=digest, data=b"{}")
        execute(
            connection,
            "INSERT INTO artifacts (run_id, artifact_id, position, kind, status, epoch, output, optional, digest)"
            " VALUES ('r', 'a', 0, 'source', 'succeeded', 1, :no, :no, :digest)",
            no=False,
            digest=digest,
        )
    yield engine
    engine.dispose()


def execute(connection: sa.Connection, statement: str, **values: object) -> None:
    connection.execute(sa.text(statement), values)


def counts(engine: sa.Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        return tuple(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in ("runs", "artifacts"))  # type: ignore[return-value]


def test_the_runs_of_the_first_version_are_kept_with_what_they_made(at_0001: sa.Engine) -> None:
    assert upgrade(at_0001) == NEWEST
    assert counts(at_0001) == (1, 1)
    with at_0001.connect() as connection:
        row = connection.execute(sa.text("SELECT attempts, priority, one_at_a_time FROM runs")).one()
    assert (row.attempts, row.priority, bool(row.one_at_a_time)) == (1, 0, False)


def test_the_way_back_keeps_them_too(at_0001: sa.Engine) -> None:
    upgrade(at_0001)
    assert downgrade(at_0001, "0001") == "0001"
    assert counts(at_0001) == (1, 1)
    assert set(sa.inspect(at_0001).get_table_names()) == TABLES_OF_0001
    assert upgrade(at_0001) == NEWEST
    assert counts(at_0001) == (1, 1)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_the_rules_of_the_first_version_hold_after_each_way(at_0001: sa.Engine, revision: str) -> None:
    upgrade(at_0001)
    downgrade(at_0001, "0001")
    upgrade(at_0001, revision)
    for change in ("status = 'unheard of'", "status = 'running'"):
        with pytest.raises(sa.exc.IntegrityError), writing(at_0001) as connection:
            execute(connection, f"UPDATE runs SET {change}")
    with pytest.raises(sa.exc.IntegrityError), writing(at_0001) as connection:
        execute(connection, "DELETE FROM blobs")


def test_no_instant_of_a_schedule_has_two_runs(at_0001: sa.Engine) -> None:
    upgrade(at_0001)
    with writing(at_0001) as connection:
        execute(
            connection,
            "INSERT INTO schedules (id, name, runbook_path, runbook_name, kind, expression,"
            " catch_up, max_catch_up, overlap, jitter_s, priority, max_attempts,"
            " status, considered_until, created_at, changed_at)"
            " VALUES ('s', 'Old', '/r.yaml', 'Old', 'cron', '0 2 * * *',"
            " 'latest', 1, 'skip', 0, 0, 3, 'active', :at, :at, :at)",
            at=AN_INSTANT,
        )
        execute(connection, "UPDATE runs SET schedule_id = 's', due_at = :at", at=AN_INSTANT)
    with pytest.raises(sa.exc.IntegrityError), writing(at_0001) as connection:
        execute(
            connection,
            "INSERT INTO runs (id, runbook_name, trigger, schedule_id, due_at, status, epoch, created_at)"
            " VALUES ('again', 'Old', 'schedule', 's', :at, 'queued', 0, :at)",
            at=AN_INSTANT,
        )
