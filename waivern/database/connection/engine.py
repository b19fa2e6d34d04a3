"""Connections: how they are opened, how transactions begin, and what their errors mean."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy import event

from waivern.database.connection.column_types import json_text
from waivern.database.connection.keyring import NO_KEYS, KeyRing
from waivern.database.connection.retries import sleep_with_jitter
from waivern.errors import DatabaseError, DatabaseMissingError, DatabaseUnavailableError, SchemaOutOfDateError

_BEGIN = "waivern_begin"
_KEYS = "waivern_keys"
_BUSY_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 10
_SHORTEST_IDLE_S, _LONGEST_IDLE_S = 2.0, 20.0
_NOTICE_ITS_ABSENCE = {  # within half a minute, where its host is gone without a word; a URL may say otherwise
    "connect_timeout": _CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

Synchronous = Literal["FULL", "NORMAL"]
Engine = sa.Engine
"""What is handed about outside this folder by those who need not know SQLAlchemy."""


def open_engine(
    url: str,
    *,
    synchronous: Synchronous = "FULL",
    may_create: bool = True,
    keys: KeyRing = NO_KEYS,
    lease_s: float = 30.0,
) -> sa.Engine:
    """Return an engine for a `sqlite:///FILE` or `postgresql://` URL; it connects on first use.

    A SQLite file is made with mode 0600 where there is none, its folder with mode 0700, unless it may not be created.
    What messages hold is encrypted by `keys`, where there are any. Postgres ends a connection that stands still in the
    middle of a transaction for two thirds of a run's lease, at most 20 seconds: the process may have been stopped.

    Raises:
        DatabaseMissingError: there is no such file, and none may be created.
        DatabaseError: the URL cannot be read, names another kind of database, or its driver is missing.
    """
    parsed = _parsed(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if is_sqlite and not may_create and not Path(str(parsed.database)).exists():
        raise DatabaseMissingError(
            f"There is no database file {parsed.database}",
            remedy="The first `waivern run` makes it; or name another with --db or WAIVERN_DATABASE_URL",
        )
    engine = _sqlite_engine(parsed, synchronous) if is_sqlite else _postgres_engine(parsed, lease_s)
    engine.update_execution_options(**{_KEYS: keys})
    event.listen(engine, "handle_error", _explain)
    return engine


@contextmanager
def writing(engine: sa.Engine, *, exclusive: bool = False) -> Iterator[sa.Connection]:
    """A transaction that writes. On SQLite it takes the write lock at once, so that it cannot fail half-way."""
    begin = "BEGIN EXCLUSIVE" if exclusive else "BEGIN IMMEDIATE"
    with engine.connect().execution_options(**{_BEGIN: begin}) as connection, connection.begin():
        yield connection


def keys_of(database: sa.Engine | sa.Connection) -> KeyRing:
    """Return the keys that contents are encrypted by."""
    keys: KeyRing = database.get_execution_options().get(_KEYS, NO_KEYS)
    return keys


def describe(engine: sa.Engine) -> str:
    """Name the database for a reader, without user or password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return f"SQLite database {url.database or ':memory:'}"
    return f"Postgres database '{url.database}' on {url.host or 'the local socket'}"


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # whose texts repeat the URL, password and all
        raise DatabaseError(
            "The database URL cannot be read", remedy="Write it as sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseError("Runs cannot be kept in a SQLite database in memory", remedy="Name a file: sqlite:///FILE")
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise DatabaseError(
            f"Runs cannot be kept in a '{parsed.drivername}' database", remedy="Use sqlite:///FILE or postgresql://..."
        )
    return parsed


def _sqlite_engine(url: sa.URL, synchronous: Synchronous) -> sa.Engine:
    _make_private_file(Path(str(url.database)))
    engine = _engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where `begin` below says so, and nowhere else
        _write_ahead(connection)
        for pragma in (f"synchronous = {synchronous}", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        statement = connection.get_execution_options().get(_BEGIN, "BEGIN")
        raw = connection.connection.driver_connection
        if statement == "BEGIN" or raw is None or not _begun_in_turn(raw, statement):
            connection.exec_driver_sql(statement)

    return engine


def _begun_in_turn(connection: sqlite3.Connection, statement: str) -> bool:
    """Wait for the write lock with short random rests; return False where that leads nowhere, and the error is wanted.

    SQLite itself rests longer and longer between its attempts, up to a tenth of a second: among many who write all the
    time, some would wait for seconds.
    """
    give_up = time.monotonic() + _BUSY_TIMEOUT_S
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    return False
                sleep_with_jitter(0.0005, 0.004)
            else:
                return True
    except sqlite3.Error:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_S * 1000}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Put the file into WAL mode, once and for all.

    While another process does the same, SQLite says "locked" at once instead of waiting its timeout, as it does where
    two that wait could wait for each other; so the waiting is done here.
    """
    give_up = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            sleep_with_jitter(0.005, 0.02)
        else:
            return


def _postgres_engine(url: sa.URL, lease_s: float) -> sa.Engine:
    try:
        patience = {key: value for key, value in _NOTICE_ITS_ABSENCE.items() if key not in url.query}
        engine = _engine(url, connect_args=patience, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise DatabaseError(
            "The driver for Postgres is not installed", remedy="Install it with `pip install 'waivern[postgres]'`"
        ) from None

    idle_s = min(max(lease_s * 2 / 3, _SHORTEST_IDLE_S), _LONGEST_IDLE_S)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = '{_BUSY_TIMEOUT_S}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = {int(idle_s * 1000)}")
        connection.commit()

    return engine


def _engine(url: sa.URL, **options: Any) -> sa.Engine:
    return sa.create_engine(
        url,
        hide_parameters=True,
        max_overflow=-1,  # as many connections as there are threads that ask: a run's max_concurrency bounds them
        json_serializer=json_text,
        json_deserializer=msgspec.json.decode,
        **options,
    )


def _make_private_file(path: Path) -> None:
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseUnavailableError(
            f"The database file {path} cannot be opened: {error.strerror}",
            remedy="Check the path and its permissions, or name another with --db or WAIVERN_DATABASE_URL",
        ) from None


def _explain(context: sa.engine.ExceptionContext) -> None:
    """Turn a driver's error into one that says what to do; what is no such error passes as it is."""
    if context.is_pre_ping:
        return  # the pool sees that the connection is dead, and opens another
    error = context.original_exception
    where = describe(context.engine) if context.engine is not None else "database"
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if _says_table_missing(error):
        raise SchemaOutOfDateError(f"The {where} lacks tables ({text})", remedy="Run `waivern db upgrade`") from error
    if isinstance(context.sqlalchemy_exception, (sa.exc.IntegrityError, sa.exc.DataError)):
        return
    if isinstance(context.sqlalchemy_exception, sa.exc.DBAPIError):
        raise _unavailable(where, text) from error


@contextmanager
def driver_errors_explained(connection: sa.Connection) -> Iterator[None]:
    """Explain the errors of what is asked of SQLite's driver itself, as those of any statement are."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unavailable(describe(connection.engine), str(error)) from error


def _unavailable(where: str, text: str) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"The {where} cannot be used: {text}", remedy=_remedy(text))


def _says_table_missing(error: BaseException) -> bool:
    return "no such table" in str(error) or "no such column" in str(error) or getattr(error, "sqlstate", "") == "42P01"


def _remedy(text: str) -> str:
    if "full" in text or "No space" in text:
        return "Free disk space; then take the run up again with `waivern run RUNBOOK --resume RUN`"
    if "locked" in text:
        return "Another process holds its lock; end it, or wait and try again"
    if "not a database" in text or "malformed" in text:
        return "The file is damaged or no SQLite database; restore it from a backup, or name another file"
    if "permission denied" in text:
        return "Give its user the right to read and write the tables"
    if "readonly" in text:
        return "Make the file and its folder writable"
    return "Check that it is running and that WAIVERN_DATABASE_URL (or --db) is right"
