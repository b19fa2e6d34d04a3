"""Conversion of rows to the JSON objects of an archive and back; the same for every database."""

import base64
import functools
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest, UtcDateTime
from waivern.errors import ArchiveError

Rows = sa.Table | sa.Subquery
"""A table, or a query that is read like one."""


def row_as_json(table: Rows, row: Any) -> dict[str, Any]:
    """Return the columns of a row that are not null."""
    values = ((column.name, getattr(row, column.name)) for column in table.columns)
    return {name: _as_json(value) for name, value in values if value is not None}


def row_from_json(table: Rows, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all columns from the object that `row_as_json` returned.

    Raises:
        ArchiveError: a column does not exist, or a value does not have the column's type.
    """
    readers = _readers(table)
    unknown = columns.keys() - readers.keys()
    if unknown:
        raise ArchiveError(
            f"The archive's rows of '{table.name}' have an unknown column '{min(unknown)[:40]}'",
            remedy="Restore it with the version of Waivern that wrote it, or a newer one",
        )
    try:
        return {name: read(columns[name]) if name in columns else None for name, read in readers.items()}
    except (ValueError, TypeError) as error:
        raise ArchiveError(f"Cannot read a row of '{table.name}' in the archive: {error}") from None


@functools.cache
def _readers(table: Rows) -> Mapping[str, Callable[[Any], Any]]:
    return {column.name: _reader(column.type) for column in table.columns}


def _reader(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    match kind:
        case Digest():
            return _digest
        case UtcDateTime():
            return _instant
        case sa.Date():
            return date.fromisoformat
        case sa.LargeBinary():
            return functools.partial(base64.b64decode, validate=True)
        case sa.JSON():
            return _unchanged
        case sa.Boolean():
            return _bool
        case sa.Integer():
            return _big_int if isinstance(kind, sa.BigInteger) else _int
        case sa.Float():
            return _float
        case _:
            return _text


def _as_json(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case bytes() | memoryview():
            return base64.b64encode(value).decode()
        case _:
            return value


def _unchanged(value: Any) -> Any:
    return value


def _digest(value: str) -> str:
    if len(bytes.fromhex(value)) != 32:
        raise ValueError("a digest has 64 hexadecimal digits")
    return value


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return at


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected a boolean")
    return value


def _int(value: Any, bits: int = 32) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("expected an integer")
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):  # SQLite would accept it, Postgres would not
        raise ValueError(f"expected an integer of {bits} bits")
    return value


_big_int = functools.partial(_int, bits=64)


def _float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("expected a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value
