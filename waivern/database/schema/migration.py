"""The database's revision: which one it is at, and how it gets to the newest."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from waivern.database.connection.engine import describe, writing
from waivern.errors import DatabaseError, SchemaOutOfDateError

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0001_initial"
"""The revision that this code works with. A test holds it to be the head of `migrations/`; reading that folder at
each start would cost more than the start itself."""

_PRE_RELEASE = re.compile(r"\d{4}")
"""Revisions before the first release: "0001" to "0014", without a name."""

_LOCK = 0x57414956  # "WAIV": the advisory lock under which Postgres is migrated


def current_revision(engine: sa.Engine) -> str | None:
    """Return the revision of the database, or None where it has no tables of ours."""
    with engine.connect() as connection:
        return _revision(connection)


def ensure_usable(engine: sa.Engine) -> None:
    """Check that the tables are those of this code; a fresh SQLite file is given them.

    Raises:
        SchemaOutOfDateError: the database is older or newer than the code, or a Postgres without tables.
        DatabaseUnavailableError: the database cannot be reached.
    """
    found = current_revision(engine)
    if found is None and engine.dialect.name == "sqlite":
        found = upgrade(engine)
    if found != NEWEST:
        raise _out_of_date(engine, found)


def upgrade(engine: sa.Engine, revision: str = "head") -> str | None:
    """Bring the database up to `revision`, all or nothing; return the revision it then has.

    Any number of processes may do so at once: one migrates, the others wait and find it done.
    """
    return _migrate(engine, "upgrade", revision)


def downgrade(engine: sa.Engine, revision: str) -> str | None:
    """Take the database back to `revision` ("base" for no tables at all), all or nothing."""
    return _migrate(engine, "downgrade", revision)


def differences(engine: sa.Engine) -> list[str]:
    """Return in what the database's tables differ from those that this code expects; empty where in nothing."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from waivern.database.schema.tables import metadata

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [str(difference) for difference in compare_metadata(context, metadata)]


@contextmanager
def exclusively(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that nobody else migrates beside, with what SQLite needs for rebuilding a table in it.

    SQLite cannot switch foreign keys off within a transaction, and with them on the rebuild of a parent table deletes
    its children; so they are off before it begins, and what they guard is checked before it commits.
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
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _migrations() -> Path:
    """The folder of migrations: packed into the wheel, or at the top of a checkout."""
    packed = Path(__file__).parents[1] / "migrations"
    return packed if packed.is_dir() else Path(__file__).parents[3] / "migrations"


def _refuse_unknown(engine: sa.Engine, config: "Config", found: str | None) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise _out_of_date(engine, found)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _out_of_date(engine: sa.Engine, found: str | None) -> SchemaOutOfDateError:
    where = describe(engine)
    if found is not None and _PRE_RELEASE.fullmatch(found):
        return SchemaOutOfDateError(
            f"The {where} was made by a pre-release of Waivern (revision {found}), whose tables cannot be upgraded",
            remedy="Use a new database, and keep this one with the version that made it",
        )
    if found is None:
        return SchemaOutOfDateError(f"The {where} has no tables yet", remedy="Run `waivern db upgrade`")
    if found > NEWEST:
        return SchemaOutOfDateError(
            f"The {where} is at revision {found}, newer than {NEWEST}, the newest that this version of Waivern knows",
            remedy="Use the version of Waivern that made it, or a newer one",
        )
    return SchemaOutOfDateError(
        f"The {where} is at revision {found}, this version of Waivern needs {NEWEST}", remedy="Run `waivern db upgrade`"
    )
