"""How a table's rows, their keys and their values are named in SQL: always quoted, and without types.

Values are taken as the driver gives them, or on Postgres as the server's own text of them: what SQLAlchemy or a
driver makes of a type may fail on what really stands there (a date of SQLite that is none, an infinite one of
Postgres), and a scan has to read it all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from waivern.connectors.sql_database.tables import Column, Table

_LONG_IN_MYSQL = ("TEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "MEDIUMBLOB", "LONGBLOB")
_ROWID_NAMES = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True)
class Rows:
    """A table's rows in SQL.

    Args:
        table: What to select from.
        key: The columns that tell rows apart; none where nothing does.
        key_is_integer: `key` is one column of integers.
        key_may_be_shown: `key` holds integers and UUIDs only. Other keys may be personal data, an e-mail address.
        columns: The columns to read.
        longest: How many characters of a value are wanted; one more is selected where the database can cut.
    """

    table: sa.TableClause
    key: Sequence[sa.ColumnElement[Any]]
    key_is_integer: bool
    key_may_be_shown: bool
    columns: Sequence[Column]
    longest: int

    def plain(self) -> list[sa.ColumnElement[Any]]:
        """Return the columns to read as they are, labelled by their place."""
        return [self.table.c[column.name].label(f"c{place}") for place, column in enumerate(self.columns)]

    def values(self, dialect: sa.Dialect, *, of: sa.FromClause | None = None) -> list[sa.ColumnElement[Any]]:
        """Return what to select of the columns; `of` is a subquery that holds them as `plain` names them."""
        found: list[sa.ColumnElement[Any]] = self.plain()
        if of is not None:
            found = [of.c[f"c{place}"] for place in range(len(self.columns))]
        texts = zip(found, self.columns, strict=True)
        if dialect.name in ("mysql", "mariadb"):
            return [
                sa.func.substr(each, 1, self.longest + 1) if column.type.startswith(_LONG_IN_MYSQL) else each
                for each, column in texts
            ]
        if dialect.name != "postgresql":
            return found
        return [
            sa.func.substr(each if column.is_binary else sa.cast(each, sa.Text), 1, self.longest + 1)
            for each, column in texts
        ]


def rows_of(connection: sa.Connection, table: Table, columns: Sequence[Column], *, longest: int) -> Rows:
    """Return the rows of a table, of which `columns` are to be read."""
    names = [column.name for column in table.columns]
    rowid = _rowid(connection, table) if connection.dialect.name == "sqlite" else None
    clause = _clause(table, names if rowid is None else [*names, rowid])
    return Rows(
        clause,
        key=[clause.c[name] for name in ([rowid] if rowid is not None else table.key)],
        key_is_integer=rowid is not None or table.key_is_integer,
        key_may_be_shown=rowid is not None or table.key_may_be_shown,
        columns=columns,
        longest=longest,
    )


def _clause(table: Table, columns: Sequence[str]) -> sa.TableClause:
    schema = table.name.schema
    return sa.table(
        quoted_name(table.name.name, quote=True),
        *(sa.column(quoted_name(name, quote=True)) for name in columns),
        schema=None if schema is None else quoted_name(schema, quote=True),
    )


def _rowid(connection: sa.Connection, table: Table) -> str | None:
    """The name under which SQLite's own row number can be had; None for a table WITHOUT ROWID."""
    taken = {column.name.lower() for column in table.columns}
    name = next((each for each in _ROWID_NAMES if each not in taken), None)
    if name is None:
        return None
    try:
        connection.execute(sa.select(_clause(table, [name]).c[name]).limit(0))
    except sa.exc.OperationalError:
        return None
    return name
