"""Errors are classified by their code, not by their text."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg.errors
import pytest
import sqlalchemy as sa

from waivern.database.connection.driver_errors import Fault, fault_of
from waivern.database.connection.engine import open_engine, writing
from waivern.errors import DatabaseUnavailableError, SchemaOutOfDateError

MISLEADING = "disk is full: No space left, locked, readonly, permission denied, not a database, no such table"

SQLSTATES = {
    "08000": Fault.CONNECTION_LOST,
    "08001": Fault.CONNECTION_LOST,
    "08003": Fault.CONNECTION_LOST,
    "08006": Fault.CONNECTION_LOST,
    "08P01": Fault.CONNECTION_LOST,
    "57P01": Fault.CONNECTION_LOST,
    "57P02": Fault.CONNECTION_LOST,
    "57P03": Fault.CONNECTION_LOST,
    "57P05": Fault.CONNECTION_LOST,
    "25P03": Fault.CONNECTION_LOST,
    "25P04": Fault.CONNECTION_LOST,
    "25006": Fault.READ_ONLY,
    "40001": Fault.CONFLICT,
    "40P01": Fault.CONFLICT,
    "40003": Fault.OTHER,
    "55P03": Fault.LOCKED,
    "53100": Fault.DISK_FULL,
    "53200": Fault.OTHER,
    "53300": Fault.TOO_MANY_CONNECTIONS,
    "54000": Fault.TOO_LARGE,
    "28000": Fault.LOGIN_REFUSED,
    "28P01": Fault.LOGIN_REFUSED,
    "3D000": Fault.NO_DATABASE,
    "42501": Fault.FORBIDDEN,
    "42P01": Fault.MISSING_TABLE,
    "42703": Fault.MISSING_TABLE,
    "42601": Fault.OTHER,
    "57014": Fault.OTHER,
}
SQLITE_CODES = {
    "SQLITE_FULL": Fault.DISK_FULL,
    "SQLITE_READONLY": Fault.READ_ONLY,
    "SQLITE_READONLY_DBMOVED": Fault.READ_ONLY,
    "SQLITE_READONLY_DIRECTORY": Fault.READ_ONLY,
    "SQLITE_BUSY": Fault.LOCKED,
    "SQLITE_BUSY_RECOVERY": Fault.LOCKED,
    "SQLITE_BUSY_SNAPSHOT": Fault.LOCKED,
    "SQLITE_LOCKED": Fault.LOCKED,
    "SQLITE_NOTADB": Fault.NOT_A_DATABASE,
    "SQLITE_CORRUPT": Fault.NOT_A_DATABASE,
    "SQLITE_CORRUPT_INDEX": Fault.NOT_A_DATABASE,
    "SQLITE_TOOBIG": Fault.TOO_LARGE,
    "SQLITE_IOERR": Fault.OTHER,
    "SQLITE_ERROR": Fault.OTHER,
    "SQLITE_CANTOPEN": Fault.OTHER,
}


@pytest.mark.parametrize(("sqlstate", "fault"), SQLSTATES.items())
def test_errors_of_postgres_are_told_by_sqlstate(sqlstate: str, fault: Fault) -> None:
    try:
        error = psycopg.errors.lookup(sqlstate)(MISLEADING)
    except KeyError:
        error = psycopg.OperationalError(MISLEADING)
        error.sqlstate = sqlstate
    assert fault_of(error) is fault


@pytest.mark.parametrize(("name", "fault"), SQLITE_CODES.items())
def test_errors_of_sqlite_are_told_by_result_code(name: str, fault: Fault) -> None:
    error = sqlite3.OperationalError(MISLEADING)
    error.sqlite_errorcode = getattr(sqlite3, name)
    assert fault_of(error) is fault


@pytest.mark.parametrize("error", [None, OSError(MISLEADING), sqlite3.ProgrammingError(MISLEADING)])
def test_an_error_without_a_code_tells_nothing(error: Exception | None) -> None:
    assert fault_of(error) is Fault.OTHER


@pytest.mark.parametrize("fault", Fault)
def test_only_a_server_that_is_gone_or_does_not_write_retires_its_connections(fault: Fault) -> None:
    assert fault.retires_connection == (fault in (Fault.READ_ONLY, Fault.CONNECTION_LOST))
    assert fault.remedy


def test_a_name_with_the_words_of_another_error_does_not_change_the_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "fullstack locked readonly"
    engine = open_engine(f"postgresql:///db?host={folder}")
    with pytest.raises(DatabaseUnavailableError) as raised, engine.connect():
        pass
    assert "fullstack locked" in raised.value.happened
    assert raised.value.remedy == Fault.OTHER.remedy


def _corrupt(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _without_tables(path: Path) -> None:
    path.touch(mode=0o600)


@pytest.mark.parametrize(
    ("prepare", "error", "remedy"),
    [
        (_corrupt, DatabaseUnavailableError, Fault.NOT_A_DATABASE.remedy),
        (_without_tables, SchemaOutOfDateError, Fault.MISSING_TABLE.remedy),
    ],
)
def test_a_file_that_is_no_database_of_waivern_is_told_by_what_is_wrong_with_it(
    tmp_path: Path, prepare: Callable[[Path], None], error: type[Exception], remedy: str
) -> None:
    path = tmp_path / "locked full.db"
    prepare(path)
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(error) as raised, engine.connect() as connection:
        connection.execute(sa.text("SELECT * FROM runs"))
    assert getattr(raised.value, "remedy", None) == remedy
    engine.dispose()


def test_a_server_that_refuses_to_write_is_left(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with engine.connect() as connection:
        before = connection.connection.driver_connection
    with (
        pytest.raises(DatabaseUnavailableError, match="read-only") as raised,
        engine.connect().execution_options(postgresql_readonly=True) as connection,
    ):
        connection.execute(sa.text("CREATE TABLE t (a int)"))
    assert raised.value.remedy == Fault.READ_ONLY.remedy
    with writing(engine) as connection:
        assert connection.connection.driver_connection is not before
        connection.execute(sa.text("CREATE TABLE t (a int)"))
    engine.dispose()
