"""Which rows of a table are read: all of a small one, a random sample of a large one.

Every row of a large table is equally likely to be read, wherever in it it lies, and the same table and seed give the
same sample. There are two ways:

- *Drawing keys*, where one integer tells the rows apart (an integer primary key; SQLite's rowid). Numbers between the
  least and the greatest are drawn, and those that are no row's are dropped: some index look-ups, however many rows
  there are. A draw that finds too few is made again, larger, from the start, so that no row is favoured. Where the
  numbers have so many gaps that the other way is cheaper, that is gone.
- *Drawing places* from 1 to the number of rows. The database numbers its rows in the order of the primary key and
  hands out those at these places; it reads every key, and nothing of that is held here. A table without any key is
  numbered as it is stored: its sample is the same as long as nothing rewrites the table.

Either way the rows are counted first, so that the share that was read can be said.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waivern.connectors.sql_database.selecting import Rows

_KEYS_AT_ONCE = 1_000
_PLACES_AT_ONCE = 10_000
_SPARE = 1.2  # so many more keys are drawn than the gaps make likely to be needed


@dataclass(frozen=True)
class Row:
    """A row that was read: its key where that may be shown ("17", "3/9"), else its place ("#17"); and its values."""

    name: str
    values: Sequence[Any]


@dataclass(frozen=True)
class Sample:
    """The rows that were read, in the order of their key, `of` how many."""

    rows: Sequence[Row]
    of: int


def sample(connection: sa.Connection, rows: Rows, *, at_most: int, seed: str) -> Sample:
    """Read a table's rows, or `at_most` of them where there are more.

    Args:
        seed: Decides which ones.
    """
    of = connection.execute(sa.select(sa.func.count()).select_from(rows.table)).scalar_one()
    if not rows.columns:
        return Sample([], of)
    if of <= at_most:
        return Sample(list(_all(connection, rows)), of)
    drawing = random.Random(seed)  # noqa: S311  a sample is no secret
    keys = _draw_keys(connection, rows, at_most, of, drawing) if rows.key_is_integer else None
    if keys is not None:
        return Sample(list(_at_keys(connection, rows, keys)), of)
    places = sorted(drawing.sample(range(1, of + 1), at_most))
    return Sample(list(_at_places(connection, rows, places)), of)


def _all(connection: sa.Connection, rows: Rows) -> Iterator[Row]:
    selected = sa.select(*_labelled(rows), *rows.values(connection.dialect)).order_by(*rows.key)
    for place, found in enumerate(connection.execute(selected.select_from(rows.table)), start=1):
        yield _row(rows, place, found)


def _draw_keys(
    connection: sa.Connection, rows: Rows, at_most: int, of: int, drawing: random.Random
) -> list[int] | None:
    """The keys of `at_most` rows, each set of rows equally likely; None where the other way is cheaper."""
    key = rows.key[0]
    least, greatest = (_only(connection, function(key), rows) for function in (sa.func.min, sa.func.max))
    if not isinstance(least, int) or not isinstance(greatest, int):
        return None  # SQLite keeps anything in a column of integers
    span = greatest - least + 1
    draws = int(at_most * span / of * _SPARE) + 50
    if draws * 4 > of:
        return None
    while True:
        drawn = drawing.sample(range(least, greatest + 1), min(draws, span))
        there = _those_there(connection, rows, drawn)
        found = [number for number in drawn if number in there]
        if len(found) >= at_most:
            return sorted(found[:at_most])
        draws *= 2


def _those_there(connection: sa.Connection, rows: Rows, keys: Sequence[int]) -> set[int]:
    key = sa.type_coerce(rows.key[0], sa.BigInteger)
    there: set[int] = set()
    for batch in _batches(keys, _KEYS_AT_ONCE):
        selected = sa.select(key).select_from(rows.table).where(key.in_(batch))
        there.update(connection.execute(selected).scalars())
    return there


def _at_keys(connection: sa.Connection, rows: Rows, keys: Sequence[int]) -> Iterator[Row]:
    key = sa.type_coerce(rows.key[0], sa.BigInteger)
    selected = sa.select(*_labelled(rows), *rows.values(connection.dialect)).select_from(rows.table)
    for batch in _batches(keys, _KEYS_AT_ONCE):
        for found in connection.execute(selected.where(key.in_(batch)).order_by(key)):
            yield _row(rows, 0, found)


def _at_places(connection: sa.Connection, rows: Rows, places: Sequence[int]) -> Iterator[Row]:
    numbered = _numbered_by_key(connection, rows) if rows.key else _numbered_as_stored(connection, rows)
    for batch in _batches(places, _PLACES_AT_ONCE):
        place = numbered.selected_columns[0]
        for number, *found in connection.execute(numbered.where(place.in_(batch)).order_by(place)):
            yield _row(rows, number, found)


def _numbered_by_key(connection: sa.Connection, rows: Rows) -> sa.Select[Any]:
    place = sa.func.row_number().over(order_by=list(rows.key)).label("place")
    keys = sa.select(place, *_labelled(rows)).select_from(rows.table).subquery("numbered")
    same = sa.and_(*(column == keys.c[f"k{step}"] for step, column in enumerate(rows.key)))
    selected = sa.select(keys.c.place, *_labelled(rows), *rows.values(connection.dialect))
    return selected.select_from(keys.join(rows.table, same))


def _numbered_as_stored(connection: sa.Connection, rows: Rows) -> sa.Select[Any]:
    place = sa.func.row_number().over().label("place")
    stored = sa.select(place, *rows.plain()).select_from(rows.table).subquery("numbered")
    return sa.select(stored.c.place, *rows.values(connection.dialect, of=stored))


def _only(connection: sa.Connection, expression: sa.ColumnElement[Any], rows: Rows) -> Any:
    return connection.execute(sa.select(expression).select_from(rows.table)).scalar_one()


def _labelled(rows: Rows) -> list[sa.ColumnElement[Any]]:
    return [column.label(f"k{step}") for step, column in enumerate(rows.key)]


def _row(rows: Rows, place: int, found: Sequence[Any]) -> Row:
    key, values = found[: len(rows.key)], found[len(rows.key) :]
    shown = bool(key) and rows.key_may_be_shown
    return Row("/".join(str(each) for each in key) if shown else f"#{place}", values)


def _batches(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
