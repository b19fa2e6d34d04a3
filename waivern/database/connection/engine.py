"""Open connections, begin transactions, and translate driver errors."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy import event

from waivern.addresses import has_ambiguous_login, hide_secrets
from waivern.database.connection.column_types import json_text
from waivern.database.connection.driver_errors import Fault, fault_of, first_line_of
from waivern.database.connection.keyring import NO_KEYS, KeyRing
from waivern.database.connection.postgres_session import PostgresSession
from waivern.database.connection.retries import sleep_with_jitter
from waivern.database.connection.sqlite_opening import create_private_file, is_read_only, read_only_url, sqlite_path
from waivern.errors import (
    DatabaseError,
    DatabaseMissingError,
    DatabaseUnavailableError,
    ReadOnlyDatabaseError,
    SchemaOutOfDateError,
)

_BEGIN_OPTION = "waivern_begin"
_KEYRING_OPTION = "waivern_keyring"
_BUSY_TIMEOUT_S = 30
_NOT_WRITABLE = (Fault.READ_ONLY, Fault.FORBIDDEN)
_ABOUT_THE_STATEMENT = (Fault.TOO_LARGE,)  # other statements succeed: the database is available

Synchronous = Literal["FULL", "NORMAL"]
Engine = sa.Engine
"""For type annotations outside `database/`, which must not import SQLAlchemy."""


def open_engine(
    url: str,
    *,
    synchronous: Synchronous = "FULL",
    may_create: bool = True,
    keys: KeyRing = NO_KEYS,
    lease_s: float = 30.0,
) -> sa.Engine:
    """Return an engine for a `sqlite:///FILE` or `postgresql://` URL; it connects on first use.

    Args:
        url: Where the database is.
        synchronous: SQLite's `synchronous`; with NORMAL the most recent transactions may be lost on power loss.
        may_create: Whether to create a missing SQLite file (mode 0600), and its folder (mode 0700) if that is named
            `.waivern`. A file that this user must not write, or whose URL has `mode=ro`, is opened read-only.
        keys: Keys to encrypt and decrypt stored content with.
        lease_s: The lease of a run, in seconds. Postgres closes a connection that idles inside a transaction for two
            thirds of it (2 to 20 seconds), so that a suspended process does not keep its locks.

    Raises:
        DatabaseMissingError: the file does not exist and must not be created.
        DatabaseError: the URL is invalid, names an unsupported kind of database, or the driver is not installed.
    """
    parsed = _parsed(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if is_sqlite and not may_create and not sqlite_path(parsed).exists():
        raise DatabaseMissingError(
            f"There is no database file {parsed.database}",
            remedy="The first `waivern run` creates it; or name another file with --db or WAIVERN_DATABASE_URL",
        )
    engine = _sqlite_engine(parsed, synchronous) if is_sqlite else _postgres_engine(parsed, lease_s)
    engine.update_execution_options(**{_KEYRING_OPTION: keys})
    event.listen(engine, "handle_error", _translate_error)
    return engine


@contextmanager
def writing(engine: sa.Engine, *, exclusive: bool = False) -> Iterator[sa.Connection]:
    """Begin a transaction that writes, and commit it at the end.

    On SQLite it takes the write lock immediately: upgrading a read lock later fails without waiting.
    """
    begin = "BEGIN EXCLUSIVE" if exclusive else "BEGIN IMMEDIATE"
    with engine.connect().execution_options(**{_BEGIN_OPTION: begin}) as connection, connection.begin():
        yield connection


def allow_idling(connection: sa.Connection) -> None:
    """Let a transaction idle while this process computes; only for transactions that nobody has to wait for long."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def keyring_of(database: sa.Engine | sa.Connection) -> KeyRing:
    """Return the keys that this engine was opened with."""
    keys: KeyRing = database.get_execution_options().get(_KEYRING_OPTION, NO_KEYS)
    return keys


def describe(engine: sa.Engine) -> str:
    """Return a readable name of the database, without user or password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return f"SQLite database {url.database or ':memory:'}"
    return f"Postgres database '{url.database}' on {url.host or 'the local socket'}"


def _parsed(url: str) -> sa.URL:
    try:
        if has_ambiguous_login(url):
            raise ValueError
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # their messages repeat the URL, including the password
        raise DatabaseError(
            "The database URL is invalid",
            remedy="Write it as sqlite:///FILE or postgresql://USER@HOST/NAME, and @ : / in a password as %40 %3A %2F",
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseError("An in-memory SQLite database cannot store runs", remedy="Name a file: sqlite:///FILE")
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise DatabaseError(
            f"A '{parsed.drivername}' database cannot store runs", remedy="Use sqlite:///FILE or postgresql://..."
        )
    return parsed


def _sqlite_engine(url: sa.URL, synchronous: Synchronous) -> sa.Engine:
    read_only = is_read_only(url)
    if read_only:
        url = read_only_url(url)
    else:
        create_private_file(sqlite_path(url))
    engine = _engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions: `begin` below does
        if not read_only:
            _enable_wal(connection)
        for pragma in (f"synchronous = {synchronous}", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        statement = connection.get_execution_options().get(_BEGIN_OPTION, "BEGIN")
        raw = connection.connection.driver_connection
        if statement == "BEGIN" or raw is None or not _begin_with_busy_retry(raw, statement):
            connection.exec_driver_sql(statement)

    return engine


def _begin_with_busy_retry(connection: sqlite3.Connection, statement: str) -> bool:
    """Wait for the write lock with short random sleeps; return False if the caller should begin, and get the error.

    SQLite's own busy handler sleeps up to 0.1 s between attempts. Among many processes that write all the time, some
    would wait for seconds.
    """
    timeout_at = time.monotonic() + _BUSY_TIMEOUT_S
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                if fault_of(error) is not Fault.LOCKED or time.monotonic() > timeout_at:
                    return False
                sleep_with_jitter(0.0005, 0.004)
            else:
                return True
    except sqlite3.Error:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_S * 1000}")


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Put the file into WAL mode; the file remembers it.

    While another process does the same, SQLite fails with "locked" without waiting for the busy timeout, because
    waiting could be a deadlock. So this function retries.
    """
    timeout_at = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if fault_of(error) is not Fault.LOCKED or time.monotonic() > timeout_at:
                raise
            sleep_with_jitter(0.005, 0.02)
        else:
            return


def _postgres_engine(url: sa.URL, lease_s: float) -> sa.Engine:
    session = PostgresSession(url, lease_s=lease_s)
    try:
        engine = _engine(
            session.url,
            connect_args=session.connect_arguments,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
        )
    except ModuleNotFoundError:
        raise DatabaseError(
            "The driver for Postgres is not installed", remedy="Install it with `pip install 'waivern[postgres]'`"
        ) from None
    event.listen(engine, "connect", session.prepare, insert=True)  # before SQLAlchemy's first queries
    event.listen(engine, "begin", session.begin)
    return engine


def _engine(url: sa.URL, **options: Any) -> sa.Engine:
    return sa.create_engine(
        url,
        hide_parameters=True,
        max_overflow=-1,  # one connection per thread that asks; a run's max_concurrency limits the threads
        json_serializer=json_text,
        json_deserializer=msgspec.json.decode,
        **options,
    )


def _translate_error(context: sa.engine.ExceptionContext) -> None:
    """Raise a `DatabaseError` with a remedy for a driver's error; SQLAlchemy raises all others unchanged."""
    if context.is_pre_ping:
        return  # the pool recognises the dead connection by this error, and opens another one
    error = context.original_exception
    fault = fault_of(error)
    if fault.retires_connection and context.engine is not None and context.engine.dialect.name == "postgresql":
        context.is_disconnect = True  # closes all connections of the pool
    if fault in _ABOUT_THE_STATEMENT:
        return
    where = describe(context.engine) if context.engine is not None else "database"
    text = first_line_of(error)
    if fault is Fault.MISSING_TABLE:
        raise SchemaOutOfDateError(f"The {where} lacks tables or columns ({text})", remedy=fault.remedy) from error
    if isinstance(context.sqlalchemy_exception, (sa.exc.IntegrityError, sa.exc.DataError)):
        return
    if isinstance(context.sqlalchemy_exception, sa.exc.DBAPIError):
        raise _unavailable(context.engine, error) from error


@contextmanager
def translated_driver_errors(connection: sa.Connection) -> Iterator[None]:
    """Translate the errors of calls to SQLite's driver, which bypass SQLAlchemy's error handling."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unavailable(connection.engine, error) from error


def _unavailable(engine: sa.Engine | None, error: BaseException) -> DatabaseUnavailableError:
    where, text = "database", first_line_of(error)
    if engine is not None:
        where, text = describe(engine), hide_secrets(text, engine.url.render_as_string(hide_password=False))
    fault = fault_of(error)
    kind = ReadOnlyDatabaseError if fault in _NOT_WRITABLE else DatabaseUnavailableError
    return kind(f"The {where} cannot be used: {text}", remedy=fault.remedy)
