"""What an error of a database driver means, identified by SQLSTATE and SQLite's result codes.

The text of an error is not read: it is translated by the server's locale, and names hosts, files and tables that may
contain any word. Codes: PostgreSQL, appendix A, and https://www.sqlite.org/rescode.html.
"""

import sqlite3
from collections.abc import Mapping
from enum import Enum


class Fault(Enum):
    """What is wrong, and what the user can do."""

    DISK_FULL = "Free disk space; then resume the run with `waivern run RUNBOOK --resume RUN`"
    READ_ONLY = (
        "Make the file and its folder writable; on Postgres, connect to the primary server with a role that may write"
    )
    CONFLICT = "Another transaction changed the same rows at the same time; try again"
    LOCKED = "Another process holds the lock; wait and try again, or stop that process"
    CONNECTION_LOST = "Check that the server is running and can be reached; then try again"
    TOO_MANY_CONNECTIONS = "Stop other clients, or raise the server's max_connections"
    LOGIN_REFUSED = "Check the user and the password in the database URL, and the server's pg_hba.conf"
    FORBIDDEN = "Grant the database user the right to read and write the tables"
    NO_DATABASE = "Create the database first, or correct its name in the URL"
    NOT_A_DATABASE = "The file is damaged or not a SQLite database; restore it from a backup, or name another file"
    MISSING_TABLE = "Run `waivern db upgrade`"
    TOO_LARGE = "Split the data: the database cannot store a value of this size"
    OTHER = "Check that it is running and that WAIVERN_DATABASE_URL (or --db) is right"

    @property
    def remedy(self) -> str:
        return self.value

    @property
    def retires_connection(self) -> bool:
        """Whether the server at the other end must not be used again, although the connection may still be open.

        A server that refuses to write has become a standby: the next connection looks its name up again.
        """
        return self in (Fault.READ_ONLY, Fault.CONNECTION_LOST)


_BY_SQLSTATE: Mapping[str, Fault] = {
    "25006": Fault.READ_ONLY,  # read_only_sql_transaction
    "40001": Fault.CONFLICT,  # serialization_failure
    "40P01": Fault.CONFLICT,  # deadlock_detected
    "55P03": Fault.LOCKED,  # lock_not_available
    "25P03": Fault.CONNECTION_LOST,  # idle_in_transaction_session_timeout
    "25P04": Fault.CONNECTION_LOST,  # transaction_timeout
    "57P05": Fault.CONNECTION_LOST,  # idle_session_timeout
    "57P01": Fault.CONNECTION_LOST,  # admin_shutdown
    "57P02": Fault.CONNECTION_LOST,  # crash_shutdown
    "57P03": Fault.CONNECTION_LOST,  # cannot_connect_now
    "53100": Fault.DISK_FULL,
    "53300": Fault.TOO_MANY_CONNECTIONS,
    "54000": Fault.TOO_LARGE,  # program_limit_exceeded, such as a row that is too large for an index
    "42501": Fault.FORBIDDEN,  # insufficient_privilege
    "3D000": Fault.NO_DATABASE,  # invalid_catalog_name
    "42P01": Fault.MISSING_TABLE,  # undefined_table
    "42703": Fault.MISSING_TABLE,  # undefined_column
}
_BY_CLASS: Mapping[str, Fault] = {
    "08": Fault.CONNECTION_LOST,
    "28": Fault.LOGIN_REFUSED,
}
_BY_SQLITE_CODE: Mapping[int, Fault] = {
    sqlite3.SQLITE_FULL: Fault.DISK_FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_PERM: Fault.READ_ONLY,
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_NOTADB: Fault.NOT_A_DATABASE,
    sqlite3.SQLITE_CORRUPT: Fault.NOT_A_DATABASE,
    sqlite3.SQLITE_TOOBIG: Fault.TOO_LARGE,
}
_MISSING_IN_SQLITE = ("no such table: ", "no such column: ")


def first_line_of(error: BaseException) -> str:
    """Return the first line of an error's text; an error without text is named by its type."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def fault_of(error: BaseException | None) -> Fault:
    """Return what an error of a driver means; `Fault.OTHER` if its code says nothing, or it has none.

    An attempt to connect to Postgres fails without a code, because libpq reports only a text.
    """
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is not None:
        return _BY_SQLSTATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], Fault.OTHER)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Fault.OTHER
    primary = code & 0xFF  # the other bits are the extended result code
    # SQLite has no code of its own for a missing table; these texts are constant and not translated
    if primary == sqlite3.SQLITE_ERROR and str(error).startswith(_MISSING_IN_SQLITE):
        return Fault.MISSING_TABLE
    return _BY_SQLITE_CODE.get(primary, Fault.OTHER)
