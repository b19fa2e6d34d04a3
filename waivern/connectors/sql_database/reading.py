"""One table's values as the items of a message."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from waivern.connectors.sql_database.sampling import Row, Sample, sample
from waivern.connectors.sql_database.selecting import rows_of
from waivern.connectors.sql_database.tables import Column, Table
from waivern.connectors.sql_database.values import NotTextError, as_text
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.packed import PackedItems

Item = dict[str, Any]
_COLUMNS_AT_ONCE = 1_500


@dataclass(frozen=True)
class HowMuch:
    """How much of a table is read; see `properties.ReadingProperties`."""

    max_rows: int
    seed: int
    longest: int
    exclude_columns: Sequence[str] = ()


@dataclass(frozen=True)
class ReadTable:
    """What was read of one table: so many of its rows, of how many."""

    table: Table
    read: int
    of: int
    left_out: Sequence[NotScanned]


@dataclass
class _Unread:
    """What could not be read of the values, counted by column."""

    binary: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)

    def left_out(self, table: str, longest: int) -> Iterator[NotScanned]:
        for column, count in self.binary.items():
            reason = f"{count} of the values that were read are binary data"
            yield NotScanned(f"{table}.{column}", reason, ReasonCode.BINARY)
        for column, count in self.cut.items():
            reason = f"{count} values were read only up to max_value_size ({longest})"
            yield NotScanned(f"{table}.{column}", reason, ReasonCode.TRUNCATED)


def read_table(
    connection: sa.Connection, table: Table, how_much: HowMuch, item: Callable[..., Item], items: PackedItems
) -> ReadTable:
    """Read a table's rows, or a sample of them.

    Args:
        item: Makes an item of a text, a table's and a column's name and, unless None, a row's.
        items: Gets one for each value that is not empty, row by row, and one without text for a column that has no
            other, so that its name is analysed too; nothing where the table cannot be read.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the table cannot be read.
    """
    name = table.name.shown
    left_out, columns = _columns_to_read(table, how_much.exclude_columns)
    taken = _sample(connection, table, columns, how_much)
    unread = _Unread()
    named = set()
    for text, column, row in _texts(taken, columns, how_much.longest, unread):
        items.append(item(text, table=name, column=column, row=row))
        named.add(column)
    items.extend(item("", table=name, column=each.name, row=None) for each in table.columns if each.name not in named)
    return ReadTable(table, len(taken.rows), taken.of, [*left_out, *unread.left_out(name, how_much.longest)])


def _sample(connection: sa.Connection, table: Table, columns: Sequence[Column], how_much: HowMuch) -> Sample:
    """The rows, as many columns at a time as a database answers with: SQLite 2,000, the key among them.

    The same seed gives the same rows each time, for they are of one moment.
    """
    seed = f"{how_much.seed} {table.name.shown}"
    batches = [columns[start : start + _COLUMNS_AT_ONCE] for start in range(0, len(columns), _COLUMNS_AT_ONCE)]
    samples = [
        sample(
            connection,
            rows_of(connection, table, batch, longest=how_much.longest),
            at_most=how_much.max_rows,
            seed=seed,
        )
        for batch in batches or [()]
    ]
    if len(samples) == 1:
        return samples[0]
    beside = zip(*(each.rows for each in samples), strict=True)
    rows = [Row(parts[0].name, [value for part in parts for value in part.values]) for parts in beside]
    return Sample(rows, samples[0].of)


def _texts(taken: Sample, columns: Sequence[Column], longest: int, unread: _Unread) -> Iterator[tuple[str, str, str]]:
    for row in taken.rows:
        for column, value in zip(columns, row.values, strict=True):
            try:
                text = as_text(value)
            except NotTextError:
                unread.binary[column.name] += 1
                continue
            if len(text) > longest:
                unread.cut[column.name] += 1
            if text:
                yield text[:longest], column.name, row.name


def _columns_to_read(table: Table, exclude: Sequence[str]) -> tuple[list[NotScanned], list[Column]]:
    left_out, columns = [], []
    for column in table.columns:
        shown = f"{table.name.shown}.{column.name}"
        names = (column.name, shown, f"{table.name.schema}.{table.name.name}.{column.name}")
        pattern = next((each for each in exclude if any(fnmatchcase(name, each) for name in names)), None)
        if pattern is None:
            columns.append(column)
        else:
            left_out.append(NotScanned(shown, f"excluded by the pattern {pattern}", ReasonCode.EXCLUDED))
    return left_out, columns
