"""The revision of the database, and how it is upgraded."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from waivern.database.connection.engine import describe, writing
from waivern.errors import DatabaseError, SchemaOutOfDateError

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0006_part_results"
"""The revision that this code needs: the head of `migrations/`, as a test checks. Reading that folder at each start
would cost more than the rest of the start."""

_PRE_RELEASE = re.compile(r"\d{4}")
"""Revisions before the first release: "0001" to "0014", a number without a name."""

_LOCK = 0x57414956  # "WAIV": the advisory lock of a migration on Postgres


def current_revision(engine: sa.Engine) -> str | None:
    """Return the revision of the database; None if it has no tables of Waivern."""
    with engine.connect() as connection:
        return _revision(connection)


def ensure_usable(engine: sa.Engine) -> None:
    """Check that the database is at the revision that this code needs; create the tables of a new SQLite file.

    Raises:
        SchemaOutOfDateError: the database is older or newer than the code, or a Postgres database without tables.
        DatabaseUnavailableError: the database cannot be reached.
    """
    revision = current_revision(engine)
    if revision is None and engine.dialect.name == "sqlite":
        revision = upgrade(engine)
    if revision != NEWEST:
        raise _out_of_date(engine, revision)


def upgrade(engine: sa.Engine, revision: str = "head") -> str | None:
    """Upgrade the database to `revision` in one transaction; return its revision afterwards.

    Concurrent calls are safe: one process migrates while the others wait.
    """
    return _migrate(engine, "upgrade", revision)


def downgrade(engine: sa.Engine, revision: str) -> str | None:
    """Downgrade the database to `revision` in one transaction; "base" drops all tables."""
    return _migrate(engine, "downgrade", revision)


def differences(engine: sa.Engine) -> list[str]:
    """Return the differences between the database's tables and those that this code expects."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from waivern.database.schema.tables import metadata

    with engine.connect() as connection, warnings.catch_warnings():
        # SQLAlchemy does not reflect such indexes of SQLite, and Alembic does not compare them
        warnings.filterwarnings("ignore", ".*expression-based index")
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = [str(difference) for difference in compare_metadata(context, metadata)]
        return found + [f"There is no index {name}" for name in _missing_expression_indexes(connection, metadata)]


def _missing_expression_indexes(connection: sa.Connection, metadata: sa.MetaData) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []
    existing = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'").scalars())
    expected = {
        str(index.name) for table in metadata.sorted_tables for index in table.indexes if not list(index.columns)
    }
    return sorted(expected - existing)


@contextmanager
def exclusively(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Begin a transaction in which no other process migrates, and in which SQLite can rebuild tables.

    While foreign keys are on, rebuilding a parent table in SQLite deletes its children, and they cannot be switched off
    within a transaction. So they are switched off before it begins, and checked before it commits.
    """
    if engine.dialect.name != "sqlite":
        with writing(engine) as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection
        return
    with engine.connect().execution_options(waivern_begin="BEGIN EXCLUSIVE") as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if orphans:
                    raise DatabaseError(f"The migration would orphan {len(orphans)} rows; nothing was changed")
        finally:
            raw.execute("PRAGMA foreign_keys = ON")


def _migrate(engine: sa.Engine, direction: str, revision: str) -> str | None:
    from alembic import command

    config = _config()
    with exclusively(engine) as connection:
        _refuse_unknown(engine, config, _revision(connection))
        config.attributes["connection"] = connection
        getattr(command, direction)(config, revision)
        return _revision(connection)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_migrations_folder()).replace("%", "%%"))
    return config


def _migrations_folder() -> Path:
    """Return the folder of migrations: inside the package in a wheel, at the top in a checkout."""
    packaged = Path(__file__).parents[1] / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"


def _refuse_unknown(engine: sa.Engine, config: "Config", revision: str | None) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise _out_of_date(engine, revision)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _out_of_date(engine: sa.Engine, revision: str | None) -> SchemaOutOfDateError:
    where = describe(engine)
    if revision is not None and _PRE_RELEASE.fullmatch(revision):
        return SchemaOutOfDateError(
            f"The {where} was created by a pre-release of Waivern (revision {revision}) and cannot be upgraded",
            remedy="Use a new database; keep this one for the version that created it",
        )
    if revision is None:
        return SchemaOutOfDateError(f"The {where} has no tables yet", remedy="Run `waivern db upgrade`")
    if revision > NEWEST:
        return SchemaOutOfDateError(
            f"The {where} is at revision {revision}; the newest that this version of Waivern knows is {NEWEST}",
            remedy="Use the version of Waivern that upgraded it, or a newer one",
        )
    return SchemaOutOfDateError(
        f"The {where} is at revision {revision}, this version of Waivern needs {NEWEST}",
        remedy="Run `waivern db upgrade`",
    )
