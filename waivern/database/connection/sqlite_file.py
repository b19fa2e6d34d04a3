"""Delete content from a SQLite file for good; on Postgres these functions do nothing."""

import sqlite3
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.engine import describe
from waivern.errors import DatabaseUnavailableError

_CHECKPOINT_TIMEOUT_MS = 500


def enable_secure_delete(connection: sa.Connection) -> None:
    """Overwrite deleted content with zeros in the file."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def truncate_wal(engine: sa.Engine) -> None:
    """Empty the write-ahead log, which may still contain deleted content; readers may postpone it to the next call.

    The checkpoint blocks writers while it waits for readers, so it waits for half a second only.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        (usual_ms,) = raw.execute("PRAGMA busy_timeout").fetchone()
        raw.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_TIMEOUT_MS}")
        try:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError:
            pass  # a concurrent checkpoint does not truncate the log; the next call does
        finally:
            raw.execute(f"PRAGMA busy_timeout = {usual_ms}")


def unused_bytes(engine: sa.Engine) -> int | None:
    """Return the free space in a SQLite file; None for a server."""
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as connection:
        free_pages, page_size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_size")
        )
    return int(free_pages * page_size)


def vacuum(engine: sa.Engine) -> bool:
    """Return a SQLite file's free space to the file system; False for a server.

    Raises:
        DatabaseUnavailableError: another process writes, or the disk has no room for a copy of the file.
    """
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        try:
            raw.execute("VACUUM")
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailableError(
                f"The {describe(engine)} cannot be shrunk now: {error}",
                remedy="Try again when no process writes to it and the disk has room for a copy of it",
            ) from None
    truncate_wal(engine)
    return True
