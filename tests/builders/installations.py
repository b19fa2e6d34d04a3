"""Migrated databases, created quickly: Alembic migrates the first, the others are copies of it."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.engine import open_engine, writing
from waivern.database.schema.migration import upgrade


@contextmanager
def migrated(url: str) -> Iterator[sa.Engine]:
    """Yield an engine for the database at `url`, migrated if necessary; close it afterwards."""
    path = sa.make_url(url).database
    if url.startswith("sqlite") and path is not None and not Path(path).exists():
        _copy_template(Path(path))
    engine = open_engine(url, synchronous="NORMAL")
    try:
        if engine.dialect.name == "postgresql" and not sa.inspect(engine).get_table_names():
            _replay_migration(engine)
        else:
            upgrade(engine)
        yield engine
    finally:
        engine.dispose()


def _copy_template(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_bytes(_sqlite_template())


@functools.cache
def _sqlite_template() -> bytes:
    with tempfile.TemporaryDirectory(prefix="waivern-template-") as folder:
        path = Path(folder) / "template.db"
        engine = open_engine(f"sqlite:///{path}")
        upgrade(engine)
        engine.dispose()  # closing the last connection moves the write-ahead log into the file
        return path.read_bytes()


_postgres_statements: list[str] = []


def _replay_migration(engine: sa.Engine) -> None:
    """Migrate the first Postgres database of this process, and send its statements to the others as one batch."""
    if _postgres_statements:
        with writing(engine) as connection:
            connection.exec_driver_sql("; ".join(_postgres_statements))
        return

    recorded: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "SHOW")):
            recorded.append(statement)

    sa.event.listen(engine, "before_cursor_execute", record)
    try:
        upgrade(engine)
    finally:
        sa.event.remove(engine, "before_cursor_execute", record)
    _postgres_statements.extend(recorded)
