"""Interned rows: what many rows have in common is stored once, and found by the digest of its content."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.column_types import json_text
from waivern.database.connection.inserts import insert_ignore
from waivern.history.merkle import leaf_hash

_BATCH_SIZE = 500


def content_columns(table: sa.Table) -> Sequence[str]:
    """Return the columns that the digest covers: all but `id` and `digest`."""
    return tuple(str(column.name) for column in table.columns if column.name not in ("id", "digest"))


def intern_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the ids of rows with this content, inserting those that are missing; further keys are ignored."""
    contents = [{name: row.get(name) for name in content_columns(table)} for row in rows]
    digests = [digest_of_row(table, _as_stored(table, content)) for content in contents]
    ids = _find_ids(connection, table, set(digests))
    missing = {digest: content for digest, content in zip(digests, contents, strict=True) if digest not in ids}
    if missing:
        # sorted, so that concurrent transactions lock the rows in the same order and cannot deadlock
        in_lock_order = [{"digest": digest, **missing[digest]} for digest in sorted(missing)]
        connection.execute(insert_ignore(connection, table), in_lock_order)
        ids |= _find_ids(connection, table, set(missing))
    return [ids[digest] for digest in digests]


def digest_of_row(table: sa.Table, row: Mapping[str, Any]) -> str:
    """Return the digest of a row's content, given as the database stores it."""
    return leaf_hash(str(table.name), {name: row[name] for name in content_columns(table)}).hex()


def _as_stored(table: sa.Table, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json_text(value) if value is not None and isinstance(table.columns[name].type, sa.JSON) else value
        for name, value in content.items()
    }


def _find_ids(connection: sa.Connection, table: sa.Table, digests: Iterable[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for batch in batched(digests, _BATCH_SIZE):
        query = sa.select(table.c.digest, table.c.id).where(table.c.digest.in_(batch))
        ids |= {row.digest: row.id for row in connection.execute(query)}
    return ids
