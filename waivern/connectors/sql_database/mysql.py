"""What MySQL and MariaDB want to be told, so that they are read as of one moment, and not waited for forever."""

import math
from typing import Any

import sqlalchemy as sa

NAMES = ("mysql", "mariadb")
_TEMPORAL = ("DATE", "DATETIME", "NEWDATE", "TIME", "TIMESTAMP", "TIMESTAMP2")


def arguments(url: sa.URL, *, timeout_s: int) -> dict[str, Any]:
    """Return what the driver is given when it connects; `timeout_s` is how long an answer is waited for."""
    if url.get_driver_name() != "pymysql":
        return {}
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    temporal = {getattr(FIELD_TYPE, name, None) for name in _TEMPORAL}
    kept = {type_: converter for type_, converter in conversions.items() if type_ not in temporal}
    return {"conv": {**kept, FIELD_TYPE.BIT: int.from_bytes}, "read_timeout": timeout_s}


def begin(connection: sa.Connection, *, lock_timeout_s: float) -> None:
    """Begin a read-only transaction that sees one moment; a table that is locked for longer fails."""
    _wait_for_long_queries(connection)
    for setting in (
        f"SET SESSION lock_wait_timeout = {max(1, math.ceil(lock_timeout_s))}",
        "SET SESSION time_zone = '+00:00'",  # a value has the same text whoever reads it
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ):
        connection.exec_driver_sql(setting)


def _wait_for_long_queries(connection: sa.Connection) -> None:
    """Lift the bound on the server's first answer: pymysql has but one for all, and a large table takes long."""
    raw = connection.connection.dbapi_connection
    if getattr(raw, "_read_timeout", None) is not None:
        raw._read_timeout = None  # type: ignore[union-attr]
