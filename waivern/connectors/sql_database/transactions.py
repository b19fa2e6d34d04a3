"""One read-only transaction on a database, so that reading cannot change it."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from waivern.connectors.sql_database import mysql
from waivern.connectors.sql_database.urls import without_secrets
from waivern.errors import ComponentError

T = TypeVar("T")

LOCK_TIMEOUT_S = 10.0  # a table that is locked for longer is not scanned
_POSTGRES_SETTINGS = (
    "SET LOCAL TIME ZONE 'UTC'",  # with the next two: a value has the same text for every reader
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL synchronize_seqscans = off",  # a table without a key has the same order on every read
)
_WITH_CONNECT_TIMEOUT = ("postgresql", *mysql.NAMES)


@dataclass(frozen=True)
class Database:
    """A database to read.

    Args:
        url: Its URL, with the password.
        source: Its name in messages, without secrets.
        file: The SQLite file; None for a server.
        connect_timeout_s: How long to wait for a server.
    """

    url: sa.URL
    source: str
    file: Path | None = None
    connect_timeout_s: int = 10


def read_consistently(database: Database, read: Callable[[sa.Connection], T]) -> T:
    """Call `read` with a connection in a read-only transaction that sees one moment, and return its result.

    `read` may be called twice: see `_read_sqlite`.

    Raises:
        ComponentError: the database cannot be opened, or the connection is lost; the message has no password.
    """
    try:
        if database.file is not None:
            return _read_sqlite(database.file, read)
        return _read_server(database, read)
    except sa.exc.DBAPIError as error:
        raise ComponentError(
            f"The database {database.source} cannot be read: {error_reason(error, database)}",
            remedy="Check the address, that the database exists, and that its user may read it",
        ) from None


def error_reason(error: sa.exc.SQLAlchemyError, database: Database) -> str:
    """Return the driver's message in one line, without secrets."""
    original = getattr(error, "orig", None) or error
    match original.args:
        case (int(number), str(text)):  # MySQL's drivers
            return without_secrets(f"{text} ({number})", database.url)
    return without_secrets(str(original), database.url)


def _read_server(database: Database, read: Callable[[sa.Connection], T]) -> T:
    url = database.url
    arguments: dict[str, Any] = {}
    if url.get_backend_name() in _WITH_CONNECT_TIMEOUT and "connect_timeout" not in url.query:
        arguments["connect_timeout"] = database.connect_timeout_s
    if url.get_backend_name() in mysql.NAMES:
        arguments |= mysql.connect_arguments(url, timeout_s=database.connect_timeout_s)
    engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments)
    is_postgres = engine.dialect.name == "postgresql"
    if is_postgres:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _rolled_back(engine) as connection:
        if is_postgres:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(LOCK_TIMEOUT_S * 1000)}")
            for setting in _POSTGRES_SETTINGS:
                connection.exec_driver_sql(setting)
        elif engine.dialect.name in mysql.NAMES:
            mysql.begin(connection, lock_timeout_s=LOCK_TIMEOUT_S)
        return read(connection)


def _read_sqlite(file: Path, read: Callable[[sa.Connection], T]) -> T:
    """Read a SQLite file without leaving other files next to it.

    A reader of a file in WAL mode creates `-wal` and `-shm` files, and may not be able to remove them. If there is no
    `-wal` file, no process is writing, so the file is opened as immutable. If the file then changed during the read, a
    writer has started, and the result may mix two moments: the file is read again without `immutable`. The additional
    files then belong to the writer.
    """
    before = _state(file)
    if _is_idle_wal(file):
        result = _read_sqlite_once(file, "mode=ro&immutable=1", read)
        if _state(file) == before:
            return result
    return _read_sqlite_once(file, "mode=ro", read)


def _read_sqlite_once(file: Path, options: str, read: Callable[[sa.Connection], T]) -> T:
    def connect() -> sqlite3.Connection:
        address = f"file:{quote(os.fsencode(file))}?{options}"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text_or_bytes
        connection.execute("PRAGMA query_only = ON")
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)
    with _rolled_back(engine) as connection:
        connection.exec_driver_sql("BEGIN")
        return read(connection)


@contextlib.contextmanager
def _rolled_back(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        with engine.connect() as connection:
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


def _state(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
        if not file.is_file():
            raise ComponentError(f"{file.name} is not a file", remedy="Name a SQLite database file")
    except OSError as error:
        raise ComponentError(
            f"The SQLite file {file.name} cannot be read: {error.strerror}",
            remedy="Correct its path; a relative one starts from the runbook's folder, or from --working-dir",
        ) from None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _is_idle_wal(file: Path) -> bool:
    """Return whether the file is in WAL mode and not open for writing.

    Source: SQLite's file format, bytes 18 and 19 of the header: 2 is WAL.
    """
    try:
        with file.open("rb") as opened:
            in_wal_mode = opened.read(20)[18:20] == b"\x02\x02"
    except OSError:
        return False  # opening it raises the error
    return in_wal_mode and not os.path.exists(f"{file}-wal")  # noqa: PTH110  Path.exists() may raise


def _text_or_bytes(raw: bytes) -> str | bytes:
    """Return TEXT as str; if it is not UTF-8, as bytes, which are counted as binary."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw
