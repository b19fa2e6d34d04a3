"""Rows that many others name are kept once: each is found by the digest of what it says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.column_types import json_text
from waivern.database.connection.inserts import insert_ignore
from waivern.history.proof import leaf_of

_AT_ONCE = 500


def columns_of(table: sa.Table) -> Sequence[str]:
    """The columns in which a row says something: all but its `id` and the `digest` of the others."""
    return tuple(str(each.name) for each in table.columns if each.name not in ("id", "digest"))


def ids_of(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the ids of rows that say this, and write those that are not there; of further columns nothing is taken."""
    said = [{name: row.get(name) for name in columns_of(table)} for row in rows]
    digests = [digest_of_row(table, _as_stored(table, each)) for each in said]
    known = _known(connection, table, set(digests))
    new = {digest: each for digest, each in zip(digests, said, strict=True) if digest not in known}
    if new:
        in_one_order = [{"digest": digest, **new[digest]} for digest in sorted(new)]  # for all that do so at once
        connection.execute(insert_ignore(connection, table), in_one_order)
        known |= _known(connection, table, set(new))
    return [known[digest] for digest in digests]


def digest_of_row(table: sa.Table, said: Mapping[str, Any]) -> str:
    """Return the digest of what a row says, in its columns as the database holds them."""
    return leaf_of(str(table.name), {name: said[name] for name in columns_of(table)}).hex()


def _as_stored(table: sa.Table, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json_text(value) if value is not None and isinstance(table.columns[name].type, sa.JSON) else value
        for name, value in said.items()
    }


def _known(connection: sa.Connection, table: sa.Table, digests: Iterable[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for some in batched(digests, _AT_ONCE):
        wanted = sa.select(table.c.digest, table.c.id).where(table.c.digest.in_(some))
        known |= {row.digest: row.id for row in connection.execute(wanted)}
    return known
