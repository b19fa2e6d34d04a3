"""Verify on SQLite, which stores any value in any column, that each value has its column's type."""

import functools
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.column_types import Digest
from waivern.database.connection.stored_values import as_stored
from waivern.database.schema.metadata import metadata
from waivern.database.verification.chain_checks import rows_of
from waivern.history.merkle import hashable
from waivern.history.verification import RecordKind, Verification


def check_types(connection: sa.Connection, result: Verification) -> None:
    """Report each value whose storage class is not that of its column, and each null in a column that has none."""
    if connection.dialect.name != "sqlite":
        return
    for table in metadata.sorted_tables:
        for row in rows_of(connection, _wrong_rows(table)):
            key = ", ".join(f"{column.name} {hashable(getattr(row, column.name))}" for column in table.primary_key)
            for column in _wrong_columns(table, row):
                problem = f"its {column} has a value that is not of the column's type"
                result.report(RecordKind.ROW, f"row of {table.name} with {key}", problem)


@functools.cache
def _wrong_rows(table: sa.Table) -> "sa.Select[Any]":
    key = [as_stored(column) for column in table.primary_key]
    types = [sa.func.typeof(as_stored(column)).label(f"type_of_{column.name}") for column in table.columns]
    return sa.select(*key, *types).where(sa.or_(*map(_is_wrong, table.columns)))


def _is_wrong(column: "sa.Column[Any]") -> "sa.ColumnElement[bool]":
    storage_class = sa.func.typeof(sa.type_coerce(column, sa.types.NullType()))
    # literals, because SQLAlchemy renders the parameters of NOT IN each time the statement is executed
    return sa.and_(*(storage_class != sa.literal_column(f"'{allowed}'") for allowed in _storage_classes(column)))


def _wrong_columns(table: sa.Table, row: Any) -> Iterator[str]:
    for column in table.columns:
        if getattr(row, f"type_of_{column.name}") not in _storage_classes(column):
            yield column.name


def _storage_classes(column: "sa.Column[Any]") -> list[str]:
    match column.type:
        case Digest() | sa.LargeBinary():
            classes = ["blob"]
        case sa.Integer() | sa.Boolean():
            classes = ["integer"]
        case sa.Float():
            classes = ["real", "integer"]
        case _:
            classes = ["text"]
    return [*classes, "null"] if column.nullable else classes
