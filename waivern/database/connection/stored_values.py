"""Columns read as the database holds them, for whoever hashes them: no conversion may hide a change."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_UNCONVERTED = sa.types.NullType()


def as_stored(column: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    """Return the column's value without any conversion, JSON as its text; named as the column."""
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text).label(column.name)
    return sa.type_coerce(column, _UNCONVERTED).label(column.name)


class in_bytes(FunctionElement[str]):
    """A text to be sorted by its UTF-8, the same on every database whatever its collation; and sooner than by words."""

    inherit_cache = True
    type = sa.Text()


@compiles(in_bytes)
def _by_binary(element: in_bytes, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)} COLLATE BINARY"


@compiles(in_bytes, "postgresql")
def _by_c(element: in_bytes, compiler: Any, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'
