"""SQL expressions over columns that behave the same on SQLite and Postgres."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_UNCONVERTED = sa.types.NullType()


def as_stored(column: "sa.ColumnElement[Any]") -> "sa.ColumnElement[Any]":
    """Return a column's value without type conversion (JSON as text), labelled like the column.

    For hashing: a conversion could hide a change.
    """
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text).label(column.name)
    return sa.type_coerce(column, _UNCONVERTED).label(column.name)


class collate_binary(FunctionElement[str]):
    """A text that is ordered by its UTF-8 bytes: the same on every database, and faster than by a locale's rules."""

    inherit_cache = True
    type = sa.Text()


@compiles(collate_binary)
def _compile_for_sqlite(element: collate_binary, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)} COLLATE BINARY"


@compiles(collate_binary, "postgresql")
def _compile_for_postgres(element: collate_binary, compiler: Any, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'
