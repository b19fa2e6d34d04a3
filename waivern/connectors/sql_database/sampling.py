"""Sampling a table: all rows of a small one, a random sample of a large one.

Every row of a large table is equally likely to be read, wherever it is, and the same table and seed give the same
sample. There are two methods:

- *Drawing keys*, if the key is one integer (an integer primary key; SQLite's rowid). Numbers between the minimum and
  the maximum are drawn, and those that are no row's key are dropped: a few index look-ups, however many rows there
  are. If a draw finds too few rows, a larger one starts from the beginning, so that no row is preferred. If the
  numbers have so many gaps that the other method is cheaper, that is used.
- *Drawing positions* from 1 to the number of rows. The database numbers its rows in the order of the primary key and
  returns those at the positions; it reads every key, but nothing of that is kept in memory here. A table without a
  key is numbered as it is stored: its sample stays the same until something rewrites the table.

With both methods the rows are counted first, so that the share that was read is known.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waivern.connectors.sql_database.row_queries import Rows

_KEY_BATCH_SIZE = 1_000
_POSITION_BATCH_SIZE = 10_000
_OVERSAMPLING = 1.2  # how many more keys are drawn than the gaps are expected to need


@dataclass(frozen=True)
class Row:
    """A row: its name is its key if that may be shown ("17", "3/9"), else its position ("#17")."""

    name: str
    values: Sequence[Any]


@dataclass(frozen=True)
class Sample:
    """The rows that were read, in the order of their key, and the total number of rows."""

    rows: Sequence[Row]
    total: int


def sample(connection: sa.Connection, rows: Rows, *, max_rows: int, seed: str) -> Sample:
    """Read a table's rows, or a sample of `max_rows` if there are more.

    Args:
        seed: Determines the sample.
    """
    total = connection.execute(sa.select(sa.func.count()).select_from(rows.table)).scalar_one()
    if not rows.columns:
        return Sample([], total)
    if total <= max_rows:
        return Sample(list(_all_rows(connection, rows)), total)
    generator = random.Random(seed)  # noqa: S311  not used for security
    keys = _draw_keys(connection, rows, max_rows, total, generator) if rows.key_is_integer else None
    if keys is not None:
        return Sample(list(_rows_at_keys(connection, rows, keys)), total)
    positions = sorted(generator.sample(range(1, total + 1), max_rows))
    return Sample(list(_rows_at_positions(connection, rows, positions)), total)


def _all_rows(connection: sa.Connection, rows: Rows) -> Iterator[Row]:
    query = sa.select(*_labelled_key(rows), *rows.values(connection.dialect)).order_by(*rows.key)
    for position, record in enumerate(connection.execute(query.select_from(rows.table)), start=1):
        yield _row(rows, position, record)


def _draw_keys(
    connection: sa.Connection, rows: Rows, max_rows: int, total: int, generator: random.Random
) -> list[int] | None:
    """Return the keys of `max_rows` rows, each set of rows equally likely; None if drawing positions is cheaper."""
    key = rows.key[0]
    first, last = (_scalar(connection, function(key), rows) for function in (sa.func.min, sa.func.max))
    if not isinstance(first, int) or not isinstance(last, int):
        return None  # SQLite allows any value in an integer column
    span = last - first + 1
    draws = int(max_rows * span / total * _OVERSAMPLING) + 50
    if draws * 4 > total:
        return None
    while True:
        drawn = generator.sample(range(first, last + 1), min(draws, span))
        existing = _existing_keys(connection, rows, drawn)
        found = [number for number in drawn if number in existing]
        if len(found) >= max_rows:
            return sorted(found[:max_rows])
        draws *= 2


def _existing_keys(connection: sa.Connection, rows: Rows, keys: Sequence[int]) -> set[int]:
    key = sa.type_coerce(rows.key[0], sa.BigInteger)
    existing: set[int] = set()
    for batch in _batches(keys, _KEY_BATCH_SIZE):
        query = sa.select(key).select_from(rows.table).where(key.in_(batch))
        existing.update(connection.execute(query).scalars())
    return existing


def _rows_at_keys(connection: sa.Connection, rows: Rows, keys: Sequence[int]) -> Iterator[Row]:
    key = sa.type_coerce(rows.key[0], sa.BigInteger)
    query = sa.select(*_labelled_key(rows), *rows.values(connection.dialect)).select_from(rows.table)
    for batch in _batches(keys, _KEY_BATCH_SIZE):
        for record in connection.execute(query.where(key.in_(batch)).order_by(key)):
            yield _row(rows, 0, record)


def _rows_at_positions(connection: sa.Connection, rows: Rows, positions: Sequence[int]) -> Iterator[Row]:
    numbered = _numbered_by_key(connection, rows) if rows.key else _numbered_as_stored(connection, rows)
    for batch in _batches(positions, _POSITION_BATCH_SIZE):
        column = numbered.selected_columns[0]
        for position, *record in connection.execute(numbered.where(column.in_(batch)).order_by(column)):
            yield _row(rows, position, record)


def _numbered_by_key(connection: sa.Connection, rows: Rows) -> sa.Select[Any]:
    position = sa.func.row_number().over(order_by=list(rows.key)).label("row_position")
    keys = sa.select(position, *_labelled_key(rows)).select_from(rows.table).subquery("numbered")
    same_key = sa.and_(*(column == keys.c[f"k{index}"] for index, column in enumerate(rows.key)))
    query = sa.select(keys.c.row_position, *_labelled_key(rows), *rows.values(connection.dialect))
    return query.select_from(keys.join(rows.table, same_key))


def _numbered_as_stored(connection: sa.Connection, rows: Rows) -> sa.Select[Any]:
    position = sa.func.row_number().over().label("row_position")
    stored = sa.select(position, *rows.labelled_columns()).select_from(rows.table).subquery("numbered")
    return sa.select(stored.c.row_position, *rows.values(connection.dialect, subquery=stored))


def _scalar(connection: sa.Connection, expression: sa.ColumnElement[Any], rows: Rows) -> Any:
    return connection.execute(sa.select(expression).select_from(rows.table)).scalar_one()


def _labelled_key(rows: Rows) -> list[sa.ColumnElement[Any]]:
    return [column.label(f"k{index}") for index, column in enumerate(rows.key)]


def _row(rows: Rows, position: int, record: Sequence[Any]) -> Row:
    key, values = record[: len(rows.key)], record[len(rows.key) :]
    is_shown = bool(key) and rows.key_is_safe_to_show
    return Row("/".join(str(value) for value in key) if is_shown else f"#{position}", values)


def _batches(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
