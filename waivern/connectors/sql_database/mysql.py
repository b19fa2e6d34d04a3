"""Settings for MySQL and MariaDB: a consistent snapshot, and timeouts."""

import math
from typing import Any

import sqlalchemy as sa

NAMES = ("mysql", "mariadb")
_TEMPORAL = ("DATE", "DATETIME", "NEWDATE", "TIME", "TIMESTAMP", "TIMESTAMP2")


def connect_arguments(url: sa.URL, *, timeout_s: int) -> dict[str, Any]:
    """Return the driver's arguments; `timeout_s` limits the wait for the server's first response."""
    if url.get_driver_name() != "pymysql":
        return {}
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    temporal_types = {getattr(FIELD_TYPE, name, None) for name in _TEMPORAL}
    converters = {type_: converter for type_, converter in conversions.items() if type_ not in temporal_types}
    return {"conv": {**converters, FIELD_TYPE.BIT: int.from_bytes}, "read_timeout": timeout_s}


def begin(connection: sa.Connection, *, lock_timeout_s: float) -> None:
    """Begin a read-only transaction that sees one moment; reading a table that is locked for longer fails."""
    _remove_read_timeout(connection)
    for setting in (
        f"SET SESSION lock_wait_timeout = {max(1, math.ceil(lock_timeout_s))}",
        "SET SESSION time_zone = '+00:00'",  # a value has the same text for every reader
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ):
        connection.exec_driver_sql(setting)


def _remove_read_timeout(connection: sa.Connection) -> None:
    """Remove the timeout of the first response: pymysql applies it to every query, and a large table takes longer."""
    raw = connection.connection.dbapi_connection
    if getattr(raw, "_read_timeout", None) is not None:
        raw._read_timeout = None  # type: ignore[union-attr]
