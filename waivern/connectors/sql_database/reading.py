"""Reading the values of one table as items of a message."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from waivern.connectors.sql_database.row_queries import rows_of
from waivern.connectors.sql_database.sampling import Row, Sample, sample
from waivern.connectors.sql_database.tables import Column, Table
from waivern.connectors.sql_database.values import as_text
from waivern.files.decoding import NotTextError
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.not_scanned import NotScanned, ReasonCode

Item = dict[str, Any]
_COLUMNS_PER_QUERY = 1_500


@dataclass(frozen=True)
class ReadLimits:
    """How much of a table is read; see `properties.ReadingProperties`."""

    max_rows: int
    seed: int
    max_value_size: int
    exclude_columns: Sequence[str] = ()


@dataclass(frozen=True)
class ReadTable:
    """What was read of one table: how many of its rows, and what was not scanned."""

    table: Table
    read: int
    total: int
    not_scanned: Sequence[NotScanned]


@dataclass
class _UnreadValues:
    """How many values were not scanned, by column."""

    binary: Counter[str] = field(default_factory=Counter)
    truncated: Counter[str] = field(default_factory=Counter)

    def not_scanned(self, table: str, max_value_size: int) -> Iterator[NotScanned]:
        for column, count in self.binary.items():
            reason = f"{count} of the values that were read are binary data"
            yield NotScanned(f"{table}.{column}", reason, ReasonCode.BINARY)
        for column, count in self.truncated.items():
            reason = f"{count} values were read only up to max_value_size ({max_value_size})"
            yield NotScanned(f"{table}.{column}", reason, ReasonCode.TRUNCATED)


def read_table(
    connection: sa.Connection, table: Table, limits: ReadLimits, make_item: Callable[..., Item], items: CompressedItems
) -> ReadTable:
    """Read a table's rows, or a sample of them.

    Args:
        make_item: Creates an item from a text, the names of a table and a column, and (unless None) a row's name.
        items: Receives an item for each value that is not empty, row by row, and one without text for each column
            without values, so that its name is analysed too.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the table cannot be read; nothing is added to `items`.
    """
    name = table.name.shown
    excluded, columns = _select_columns(table, limits.exclude_columns)
    sampled = _sample(connection, table, columns, limits)
    unread = _UnreadValues()
    columns_with_values = set()
    for text, column, row in _texts(sampled, columns, limits.max_value_size, unread):
        items.append(make_item(text, table=name, column=column, row=row))
        columns_with_values.add(column)
    items.extend(
        make_item("", table=name, column=column.name, row=None)
        for column in table.columns
        if column.name not in columns_with_values
    )
    not_scanned = [*excluded, *unread.not_scanned(name, limits.max_value_size)]
    return ReadTable(table, len(sampled.rows), sampled.total, not_scanned)


def _sample(connection: sa.Connection, table: Table, columns: Sequence[Column], limits: ReadLimits) -> Sample:
    """Read the rows in several queries, because a query may not return any number of columns (SQLite: 2,000).

    All queries return the same rows: they use the same seed in one transaction that sees one moment.
    """
    seed = f"{limits.seed} {table.name.shown}"
    batches = [columns[start : start + _COLUMNS_PER_QUERY] for start in range(0, len(columns), _COLUMNS_PER_QUERY)]
    samples = [
        sample(
            connection,
            rows_of(connection, table, batch, max_value_size=limits.max_value_size),
            max_rows=limits.max_rows,
            seed=seed,
        )
        for batch in batches or [()]
    ]
    if len(samples) == 1:
        return samples[0]
    same_rows = zip(*(sampled.rows for sampled in samples), strict=True)
    rows = [Row(parts[0].name, [value for part in parts for value in part.values]) for parts in same_rows]
    return Sample(rows, samples[0].total)


def _texts(
    sampled: Sample, columns: Sequence[Column], max_value_size: int, unread: _UnreadValues
) -> Iterator[tuple[str, str, str]]:
    for row in sampled.rows:
        for column, value in zip(columns, row.values, strict=True):
            try:
                text = as_text(value)
            except NotTextError:
                unread.binary[column.name] += 1
                continue
            if len(text) > max_value_size:
                unread.truncated[column.name] += 1
            if text:
                yield text[:max_value_size], column.name, row.name


def _select_columns(table: Table, exclude: Sequence[str]) -> tuple[list[NotScanned], list[Column]]:
    excluded, selected = [], []
    for column in table.columns:
        shown = f"{table.name.shown}.{column.name}"
        names = (column.name, shown, f"{table.name.schema}.{table.name.name}.{column.name}")
        pattern = next((pattern for pattern in exclude if any(fnmatchcase(name, pattern) for name in names)), None)
        if pattern is None:
            selected.append(column)
        else:
            excluded.append(NotScanned(shown, f"excluded by the pattern {pattern}", ReasonCode.EXCLUDED))
    return excluded, selected
