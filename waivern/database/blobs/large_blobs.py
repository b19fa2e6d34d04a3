"""The bytes of a large blob, written and read a part at a time."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.blobs.framing import Pieces
from waivern.database.connection.engine import driver_errors_explained
from waivern.database.schema.tables import blobs

_OF_DIGEST = blobs.c.digest == sa.bindparam("wanted")
_ROW_ID = sa.select(sa.literal_column("rowid", sa.Integer)).select_from(blobs).where(_OF_DIGEST)
_FIRST, _LENGTH = sa.bindparam("first", type_=sa.Integer), sa.bindparam("length", type_=sa.Integer)


def write(connection: sa.Connection, digest: str, pieces: Pieces) -> None:
    """Write the bytes of a blob into the room that `chunked_data` has for them, on SQLite."""
    with driver_errors_explained(connection), _opened(connection, digest, blobs.c.chunked_data, readonly=False) as room:
        for piece in pieces:
            room.write(piece)


@contextmanager
def reading(connection: sa.Connection, digest: str, column: sa.Column[bytes]) -> Iterator[Callable[[int, int], bytes]]:
    """Yield what returns the bytes that are stored in a column, from a place on, so many of them."""
    if connection.dialect.name == "sqlite":
        with driver_errors_explained(connection), _opened(connection, digest, column, readonly=True) as stored:

            def read(start: int, length: int) -> bytes:
                stored.seek(start)
                return stored.read(length)

            yield read
    else:
        stretch = sa.select(sa.func.substring(column, _FIRST, _LENGTH, type_=sa.LargeBinary)).where(_OF_DIGEST)
        yield lambda start, length: connection.execute(
            stretch, {"wanted": digest, "first": start + 1, "length": length}
        ).scalar_one()


def _opened(connection: sa.Connection, digest: str, column: sa.Column[bytes], *, readonly: bool) -> sqlite3.Blob:
    raw = connection.connection.driver_connection
    row_id = connection.execute(_ROW_ID, {"wanted": digest}).scalar_one()
    assert isinstance(raw, sqlite3.Connection)
    return raw.blobopen(blobs.name, column.name, row_id, readonly=readonly)
