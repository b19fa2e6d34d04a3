"""How a table's rows, keys and values are selected in SQL: with quoted names and without types.

Values are read as the driver returns them, or on Postgres as the server's text. The conversions of SQLAlchemy and of
drivers fail on some values that databases really contain (an invalid date in SQLite, an infinite one in Postgres), and
a scan has to read these too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from waivern.connectors.sql_database.tables import Column, Table

_LONG_MYSQL_TYPES = ("TEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "MEDIUMBLOB", "LONGBLOB")
_ROWID_NAMES = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True)
class Rows:
    """A table's rows in SQL.

    Args:
        table: The table to select from.
        key: The columns that identify a row; empty if there are none.
        key_is_integer: Whether `key` is one column of integers.
        key_is_safe_to_show: Whether `key` has only integers and UUIDs. Other keys, such as an e-mail address, may be
            personal data.
        columns: The columns to read.
        max_value_size: The characters to read of a value; one more is selected if the database can cut values.
    """

    table: sa.TableClause
    key: Sequence[sa.ColumnElement[Any]]
    key_is_integer: bool
    key_is_safe_to_show: bool
    columns: Sequence[Column]
    max_value_size: int

    def labelled_columns(self) -> list[sa.ColumnElement[Any]]:
        """Return the columns to read, labelled by their index."""
        return [self.table.c[column.name].label(f"c{index}") for index, column in enumerate(self.columns)]

    def values(self, dialect: sa.Dialect, *, subquery: sa.FromClause | None = None) -> list[sa.ColumnElement[Any]]:
        """Return the expressions to select; `subquery` has the columns with the labels of `labelled_columns`."""
        selected: list[sa.ColumnElement[Any]] = self.labelled_columns()
        if subquery is not None:
            selected = [subquery.c[f"c{index}"] for index in range(len(self.columns))]
        pairs = zip(selected, self.columns, strict=True)
        if dialect.name in ("mysql", "mariadb"):
            return [self._cut(value) if column.type.startswith(_LONG_MYSQL_TYPES) else value for value, column in pairs]
        if dialect.name != "postgresql":
            return selected
        return [self._cut(value if column.is_binary else sa.cast(value, sa.Text)) for value, column in pairs]

    def _cut(self, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.substr(value, 1, self.max_value_size + 1)


def rows_of(connection: sa.Connection, table: Table, columns: Sequence[Column], *, max_value_size: int) -> Rows:
    """Return the rows of a table, of which `columns` are read."""
    names = [column.name for column in table.columns]
    rowid = _rowid(connection, table) if connection.dialect.name == "sqlite" else None
    clause = _clause(table, names if rowid is None else [*names, rowid])
    return Rows(
        clause,
        key=[clause.c[name] for name in ([rowid] if rowid is not None else table.key)],
        key_is_integer=rowid is not None or table.key_is_integer,
        key_is_safe_to_show=rowid is not None or table.key_is_safe_to_show,
        columns=columns,
        max_value_size=max_value_size,
    )


def _clause(table: Table, columns: Sequence[str]) -> sa.TableClause:
    schema = table.name.schema
    return sa.table(
        quoted_name(table.name.name, quote=True),
        *(sa.column(quoted_name(name, quote=True)) for name in columns),
        schema=None if schema is None else quoted_name(schema, quote=True),
    )


def _rowid(connection: sa.Connection, table: Table) -> str | None:
    """Return a name of SQLite's row id that no column hides; None for a table WITHOUT ROWID."""
    column_names = {column.name.lower() for column in table.columns}
    name = next((name for name in _ROWID_NAMES if name not in column_names), None)
    if name is None:
        return None
    try:
        connection.execute(sa.select(_clause(table, [name]).c[name]).limit(0))
    except sa.exc.OperationalError:
        return None
    return name
