"""The roles of docs/postgres.md: each can do its work, and nothing else."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.conftest import Outcome
from tests.docs.pages import blocks_of
from waivern.database.connection.engine import open_engine
from waivern.database.schema.migration import upgrade

PAGE = "docs/postgres.md"
READS = [
    *(("history",), ("history", "show", "latest"), ("artifacts", "list", "latest"), ("schedule", "list")),
    *(("artifacts", "show", "latest", "found"), ("findings",), ("events",), ("schedule", "show", "nightly")),
    *(("export", "latest", "--format", "html", "--output", "report.html"), ("diff", "latest", "latest"), ("verify",)),
    *(("archive", "latest", "--output", "run.zip"), ("prune", "--dry-run"), ("db", "check"), ("db", "current")),
    ("erase", "--run", "latest", "--reason", "x"),
]
WRITES = [
    *(("run", "scan.yaml", "--quiet"), ("schedule", "add", "nightly", "scan.yaml", "--every", "6h")),
    *(("schedule", "trigger", "nightly"), ("cancel", "latest"), ("schedule", "pause", "nightly")),
    *(("schedule", "resume", "nightly"), ("suppress", "FINGERPRINT", "--reason", "x", "--owner", "ann")),
    *(("run", "scan.yaml", "--quiet"), ("prune", "--older-than", "0d"), ("run", "scan.yaml", "--quiet")),
    *(("erase", "--run", "latest", "--reason", "x", "--yes"), ("run", "scan.yaml", "--quiet")),
]


@dataclass(frozen=True)
class Roles:
    """The URLs of a database for its three roles."""

    owner: str
    service: str
    auditor: str


@pytest.fixture
def roles(postgres_server_url: str) -> Iterator[Roles]:
    """Create a database and its roles by the SQL of the page, under names that no other test has."""
    unique = uuid.uuid4().hex[:12]
    creating, granting = (block.replace("waivern", f"waivern_{unique}") for block in blocks_of(PAGE, "sql"))
    url = sa.make_url(postgres_server_url).set(drivername="postgresql+psycopg")
    names = [f"waivern_{unique}_{role}" for role in ("owner", "service", "auditor")]
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    execute(admin, creating)
    try:
        urls = [url.set(username=name, database=f"waivern_{unique}") for name in names]
        roles = Roles(*(of_role.render_as_string(hide_password=False) for of_role in urls))
        owner = open_engine(roles.owner)
        upgrade(owner)
        owner.dispose()
        execute(sa.create_engine(urls[0], isolation_level="AUTOCOMMIT", poolclass=sa.NullPool), granting)
        yield roles
    finally:
        drop_roles = [f"DROP ROLE IF EXISTS {name}" for name in names]
        execute(admin, ";".join([f"DROP DATABASE IF EXISTS waivern_{unique} WITH (FORCE)", *drop_roles]))


def execute(engine: sa.Engine, statements: str) -> None:
    with engine.connect() as connection:
        for statement in filter(None, map(str.strip, statements.split(";"))):
            connection.exec_driver_sql(statement)


def write_runbook(folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("Write to ann.example@example.org")
    (folder / "scan.yaml").write_text(
        "name: Scan\ndescription: for a test\nartifacts:\n"
        "  files: {source: {type: filesystem, properties: {path: files}}}\n"
        "  found: {inputs: [files], process: {type: personal_data, properties: {}}, output: true}\n"
    )


def test_each_role_can_do_its_work_and_nothing_else(ask: Callable[..., Outcome], folder: Path, roles: Roles) -> None:
    write_runbook(folder)
    for command in WRITES:
        outcome = ask(*filled(command, roles), "--db", roles.service)
        assert outcome.code == 0, (command, outcome)
    for command in READS:
        outcome = ask(*command, "--db", roles.auditor)
        assert outcome.code == 0, (command, outcome)
        if command[0] in ("export", "archive"):
            assert "The audit log has no event of this" in outcome.err
    for command in (WRITES[0], WRITES[2], WRITES[6]):
        outcome = ask(*filled(command, roles), "--db", roles.auditor)
        assert outcome.code == 4, (command, outcome)
        assert "Grant the database user the right" in outcome.err
    assert (folder / "report.html").exists()
    assert_refused(roles.service, "UPDATE events SET actor = 'x'", "DELETE FROM events", "TRUNCATE events")
    assert_refused(roles.service, "UPDATE imported_events SET actor = 'x'", "DELETE FROM imported_events")
    assert_refused(roles.service, "CREATE TABLE x (y int)", "DELETE FROM alembic_version", "DROP TABLE events")
    assert writable_tables(roles.auditor) == []
    assert_refused(roles.auditor, "CREATE TABLE x (y int)", "CREATE TEMPORARY TABLE x (y int)")


def filled(command: tuple[str, ...], roles: Roles) -> list[str]:
    """Return the command with the fingerprint of a finding in the database."""
    engine = open_engine(roles.service)
    with engine.connect() as connection:
        fingerprint = str(connection.exec_driver_sql("SELECT max(fingerprint) FROM findings").scalar())
    engine.dispose()
    return [fingerprint if word == "FINGERPRINT" else word for word in command]


def assert_refused(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            with pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"):
                connection.exec_driver_sql(statement)


def writable_tables(url: str) -> list[str]:
    """Return the tables that the role may change."""
    may_change = " OR ".join(
        f"has_table_privilege(oid, '{privilege}')" for privilege in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
    )
    query = (
        f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND ({may_change})"
    )
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(query).scalars())
