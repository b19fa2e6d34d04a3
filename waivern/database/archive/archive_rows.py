"""Rows as JSON objects, as archives hold them: the same from whichever database they come."""

import base64
import functools
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest, UtcDateTime
from waivern.errors import ArchiveError

Rows = sa.Table | sa.Subquery
"""What rows are of: a table, or what is read as one."""


def row_as_json(table: Rows, row: Any) -> dict[str, Any]:
    """Return what a row holds, without columns that hold nothing."""
    held = ((column.name, getattr(row, column.name)) for column in table.columns)
    return {name: _as_json(value) for name, value in held if value is not None}


def row_from_json(table: Rows, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row that `row_as_json` told; every column has one.

    Raises:
        ArchiveError: it names no column, or a value is none that the column can have.
    """
    readers = _readers(table)
    unknown = said.keys() - readers.keys()
    if unknown:
        raise ArchiveError(
            f"The archive's rows of '{table.name}' have a column '{min(unknown)[:40]}' that this version does not know",
            remedy="Restore it with the version of Waivern that made it, or a newer one",
        )
    try:
        return {name: read(said[name]) if name in said else None for name, read in readers.items()}
    except (ValueError, TypeError) as error:
        raise ArchiveError(f"The archive holds a row of '{table.name}' that cannot be read: {error}") from None


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
            return _itself
        case sa.Boolean():
            return _bool
        case sa.Integer():
            return _int
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


def _itself(value: Any) -> Any:
    return value


def _digest(value: str) -> str:
    if len(bytes.fromhex(value)) != 32:
        raise ValueError("a digest has 64 hexadecimal digits")
    return value


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a truth value is wanted")
    return value


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number is wanted")
    return value


def _float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("a number is wanted")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is wanted")
    return value
