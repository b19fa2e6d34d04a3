"""Databases for benchmarks: SQLite in a temporary folder, and the Postgres server of the tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from tests.servers.databases import fresh_postgres_database, postgres_server
from waivern.database.connection.engine import Synchronous, open_engine
from waivern.database.schema.migration import upgrade


@contextmanager
def sqlite(synchronous: Synchronous) -> Iterator[sa.Engine]:
    """Yield a migrated SQLite database in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as folder:
        engine = open_engine(f"sqlite:///{folder}/waivern.db", synchronous=synchronous)
        upgrade(engine)
        yield engine
        engine.dispose()


@contextmanager
def postgres() -> Iterator[sa.Engine]:
    """Yield a new, migrated database on the Postgres server of the tests."""
    with postgres_server() as server, fresh_postgres_database(server) as url:
        engine = open_engine(url)
        upgrade(engine)
        yield engine
        engine.dispose()


def bytes_in(engine: sa.Engine) -> int:
    """Return the size of all tables and indexes in bytes."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            return int(pages - free) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        return int(
            connection.exec_driver_sql(
                "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables"
            ).scalar_one()
        )
