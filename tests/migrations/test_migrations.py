"""Upgrades and downgrades on both databases."""

import multiprocessing
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.builders.schedules import a_definition
from tests.servers.databases import fresh_postgres_database, sqlite_url
from waivern import Message, Schema, SchemaOutOfDateError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.connection.column_types import UtcDateTime
from waivern.database.connection.engine import open_engine, writing
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.migration import (
    NEWEST,
    current_revision,
    differences,
    downgrade,
    ensure_usable,
    exclusively,
    upgrade,
)
from waivern.database.schema.tables import metadata
from waivern.errors import DatabaseError, DatabaseMissingError
from waivern.history.retention import PruneRequest
from waivern.runs.run import RunStatus
from waivern.schedules.timing import Cron
from waivern.testing.builders import message_of, plan_of, plan_of_dag

REPOSITORY = Path(__file__).parents[2]


def test_the_revision_that_the_code_names_is_the_head_of_the_migrations() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(str(REPOSITORY / "alembic.ini"))
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


def test_the_migrated_tables_are_those_that_the_code_expects(engine: sa.Engine) -> None:
    assert differences(engine) == []


def test_a_table_that_differs_is_noticed(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(sa.text("ALTER TABLE runs ADD COLUMN surplus INTEGER"))
        connection.execute(sa.text("DROP INDEX ix_runs_status_created_at"))
        connection.execute(sa.text("DROP INDEX ix_artifacts_digest_prefix"))
    found = " ".join(differences(engine))
    assert "surplus" in found
    assert "ix_runs_status_created_at" in found
    assert "ix_artifacts_digest_prefix" in found


def test_tables_are_the_same_after_a_downgrade_and_an_upgrade(engine: sa.Engine) -> None:
    save_run(engine)
    assert downgrade(engine, "base") is None
    assert set(sa.inspect(engine).get_table_names()) <= {"alembic_version"}
    assert upgrade(engine) == NEWEST
    assert differences(engine) == []
    assert SqlHistory(engine).find(save_run(engine)).status is RunStatus.SUCCEEDED


def test_an_upgrade_of_an_up_to_date_database_changes_nothing(engine: sa.Engine) -> None:
    run_id = save_run(engine)
    assert upgrade(engine) == NEWEST
    assert SqlHistory(engine).message_of(run_id, "a").content == {"found": 1}


def save_run(engine: sa.Engine) -> str:
    run = SqlRunStore(engine).create(plan_of_dag({"a": []}), trigger="test", caller=CALLER)
    run.store.save("a", message_of(found=1))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def test_a_new_sqlite_file_gets_its_tables_and_is_private(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / '.waivern' / 'waivern.db'}")
    ensure_usable(engine)
    assert current_revision(engine) == NEWEST
    assert (tmp_path / ".waivern" / "waivern.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".waivern").stat().st_mode & 0o777 == 0o700
    engine.dispose()


@pytest.mark.parametrize("path", ["new/waivern.db", "new/.waivern/waivern.db", "new/folder/waivern.db"])
@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_no_folder_is_created_for_a_mistyped_path(tmp_path: Path, path: str, form: str) -> None:
    with pytest.raises(DatabaseMissingError, match="There is no folder .* for the database file waivern.db") as error:
        open_engine(form.format(tmp_path / path))
    assert "mkdir -p -m 700" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_postgres_database_needs_an_upgrade(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with pytest.raises(SchemaOutOfDateError, match="has no tables yet. Run `waivern db upgrade`"):
        ensure_usable(engine)
    engine.dispose()


@pytest.mark.parametrize("direction", [ensure_usable, upgrade])
def test_a_database_of_a_pre_release_is_refused_by_name(engine: sa.Engine, direction: Callable[..., object]) -> None:
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0014'"))
    with pytest.raises(SchemaOutOfDateError, match=r"pre-release.*revision 0014.*Use a new database"):
        direction(engine)


def test_a_replayed_migration_creates_the_same_tables_as_alembic(postgres_server_url: str) -> None:
    """Checks the shortcut that the tests use on Postgres."""
    for _ in range(2):
        with fresh_postgres_database(postgres_server_url) as url, migrated(url) as engine:
            assert differences(engine) == []
            assert current_revision(engine) == NEWEST


def save_history(engine: sa.Engine) -> None:
    """Save two runs whose findings differ, and prune their sources."""
    retain_none = {"source": {"type": "make"}, "retain": "none"}
    for names in (("a", "b"), ("b", "c")):
        run = SqlRunStore(engine).create(
            plan_of({"source": retain_none, "findings": {"source": {"type": "make"}}}), trigger="test", caller=CALLER
        )
        run.store.save("source", message_of(names=list(names)))
        run.store.save("findings", findings_message(*names))
        run.log.close(RunStatus.SUCCEEDED)
    SqlRetention(engine).prune(PruneRequest(), caller=CALLER)


def findings_message(*names: str) -> Message:
    findings = [
        {
            "fingerprint": name * 32,
            "rule": "email_address",
            "category": "email",
            "severity": "medium",
            "location": {"path": f"{name}.txt"},
            "evidence": [{"content": "a***@example.org"}],
            "matched_patterns": [{"pattern": "value: address", "match_count": 1}],
            "confidence": 0.9,
            "metadata": {"source": "files"},
        }
        for name in names
    ]
    analysis = {"ruleset": "local/personal_data_indicator/1.0.0", "rules_version": "1", "scanned": 2}
    content = {"findings": findings, "summary": {}, "analysis_metadata": analysis}
    return Message("", content, Schema("personal_data_indicator", "1.0.0"))


def test_a_history_verifies_after_a_downgrade_and_an_upgrade(engine: sa.Engine) -> None:
    counts = []
    for _ in range(2):
        save_history(engine)
        verification = SqlAuditLog(engine).verify(progress=lambda *_: None)
        assert verification.mismatches == []
        counts.append({**verification.counts, "pruned": verification.pruned})
        assert downgrade(engine, "base") is None
        assert upgrade(engine) == NEWEST
    assert counts[0] == counts[1]
    assert (counts[0]["runs"], counts[0]["findings"], counts[0]["pruned"]) == (2, 3, 2)


def test_an_upgrade_keeps_a_history_that_verifies(engine: sa.Engine) -> None:
    save_history(engine)
    assert upgrade(engine) == NEWEST
    verification = SqlAuditLog(engine).verify(progress=lambda *_: None)
    assert (verification.mismatches, verification.counts["runs"]) == ([], 2)


def test_skipped_times_become_ranges_and_their_ends_after_a_downgrade(engine: sa.Engine) -> None:
    schedule = SqlScheduleStore(engine).add(a_definition(Cron("* * * * *")), caller=CALLER)
    run_id = save_run(engine)
    assert downgrade(engine, "0002_runbook_faults") == "0002_runbook_faults"
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    reasons = [*["catch_up"] * 4, None, *["catch_up"] * 2, "overlap"]
    texts = (sa.column(name, sa.Text) for name in ("schedule_id", "run_id", "skip_reason"))
    times = (sa.column(name, UtcDateTime) for name in ("due_at", "decided_at"))
    old = sa.table("schedule_triggers", *texts, *times)
    with writing(engine) as connection:
        for minute, reason in enumerate(reasons):
            row = {"schedule_id": schedule.id, "skip_reason": reason, "run_id": None if reason else run_id}
            row |= {"due_at": noon + timedelta(minutes=minute), "decided_at": noon + timedelta(hours=1)}
            connection.execute(sa.insert(old), row)
    for _ in range(2):
        assert upgrade(engine) == NEWEST
        assert differences(engine) == []
        found = SqlScheduleStore(engine).triggers(schedule.id, limit=10)
        assert [(record.due_at.minute, record.last_due_at.minute, record.skipped) for record in found] == [
            (7, 7, "overlap"),
            (5, 6, "catch_up"),
            (4, 4, None),
            (0, 3, "catch_up"),
        ]
        assert SqlAuditLog(engine).verify(progress=lambda *_: None).mismatches == []
        downgrade(engine, "0002_runbook_faults")
        with engine.connect() as connection:
            kept = connection.execute(sa.select(old).order_by(old.c.due_at)).all()
        assert [row.due_at.minute for row in kept] == [0, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("revision", "message"), [("9999_x", "the newest that this version"), ("0000_x", "this version of Waivern needs")]
)
def test_a_database_of_a_different_revision_is_refused(engine: sa.Engine, revision: str, message: str) -> None:
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(SchemaOutOfDateError, match=message):
        ensure_usable(engine)
    with pytest.raises(SchemaOutOfDateError):
        upgrade(engine)


def start_first(url: str, ready: "multiprocessing.synchronize.Barrier", failures: "multiprocessing.Queue[str]") -> None:
    """Start on a database at the same time as other processes; put the error into the queue, or an empty text."""
    try:
        ready.wait(60)
        engine = open_engine(url)
        (ensure_usable if url.startswith("sqlite") else upgrade)(engine)
        engine.dispose()
        failures.put("")
    except Exception as error:
        failures.put(repr(error))


def test_concurrent_first_starts_do_not_break_each_other(database_url: str) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["waivern.database.schema.migration", "alembic.command"])
    ready, failures = processes.Barrier(6), processes.Queue()
    starters = [processes.Process(target=start_first, args=(database_url, ready, failures)) for _ in range(6)]
    for starter in starters:
        starter.start()
    assert [failures.get(timeout=60) for _ in starters] == [""] * 6
    for starter in starters:
        starter.join()
    with migrated(database_url) as engine:
        assert differences(engine) == []


def test_a_failed_migration_changes_nothing(engine: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), exclusively(engine) as connection:
        connection.execute(sa.text("DROP TABLE artifact_attempts"))
        raise ZeroDivisionError
    assert sa.inspect(engine).has_table("artifact_attempts")


def test_a_migration_that_would_orphan_rows_is_rolled_back(tmp_path: Path) -> None:
    with migrated(sqlite_url(tmp_path)) as engine:
        run_id = save_run(engine)
        with pytest.raises(DatabaseError, match="would orphan 2 rows"), exclusively(engine) as connection:
            connection.execute(sa.text("DELETE FROM runs"))
        assert SqlHistory(engine).find(run_id).id == run_id


def test_foreign_keys_are_on_again_after_a_migration(tmp_path: Path) -> None:
    with migrated(sqlite_url(tmp_path)) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_migrations_do_not_import_the_code() -> None:
    for script in (REPOSITORY / "migrations" / "versions").glob("*.py"):
        assert "waivern" not in script.read_text(encoding="utf-8"), f"{script.name} depends on the current code"


def test_every_constraint_has_a_name_for_later_migrations() -> None:
    for table in metadata.tables.values():
        for constraint in table.constraints:
            assert constraint.name or not list(getattr(constraint, "columns", ())), (table.name, constraint)


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "waivern.db"
    path.write_bytes(b"not a database" * 1000)
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match="damaged or not a SQLite database"):
        ensure_usable(engine)
    engine.dispose()


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with migrated(url) as engine:
        run = SqlRunStore(engine).create(plan_of_dag({"a": [], "b": []}), trigger="test", caller=CALLER)
        run.store.save("a", message_of(kept=True))
        with writing(engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

        @sa.event.listens_for(engine, "engine_connect")
        def limit_pages(connection: sa.Connection) -> None:
            cursor = connection.connection.cursor()
            cursor.execute(f"PRAGMA max_page_count = {pages}")
            cursor.close()

        incompressible = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(100_000))
        with pytest.raises(DatabaseError, match=r"disk is full.*Free disk space"):
            run.store.save("b", message_of(text=incompressible))
        assert run.store.get("a").content == {"kept": True}
        run.log.close(RunStatus.FAILED)
        assert SqlHistory(engine).message_of(run.run_id, "a").content == {"kept": True}


def test_the_migrations_of_a_wheel_are_preferred_to_those_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from waivern.database.schema import migration

    shutil.copytree(REPOSITORY / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(migration, "__file__", str(tmp_path / "schema" / "migration.py"))
    assert migration._migrations_folder() == tmp_path / "migrations"
