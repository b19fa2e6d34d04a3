"""INSERT statements for rows that may already exist, on SQLite and Postgres."""

import functools
import importlib
from typing import Any

import sqlalchemy as sa


def insert_ignore(database: sa.Engine | sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that skips rows that violate a unique constraint; the result's `rowcount` counts new rows."""
    return _insert_ignore(database.dialect.name, table)


def upsert(database: sa.Engine | sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that updates all other columns of a row whose primary key already exists."""
    return _upsert(database.dialect.name, table)


# Statements are built once: building one, and looking it up among SQLAlchemy's compiled statements, costs more than
# inserting a row.


@functools.cache
def _insert_ignore(dialect: str, table: sa.Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


@functools.cache
def _upsert(dialect: str, table: sa.Table) -> Any:
    insert = _insert(dialect, table)
    others = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=others)


def _insert(dialect: str, table: sa.Table) -> Any:
    """Return the INSERT of a dialect: only the dialect in use is imported."""
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
