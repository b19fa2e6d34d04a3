"""The bytes of a large blob, written and read a part at a time."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.engine import driver_errors_explained
from waivern.database.framing import Pieces
from waivern.database.tables import blobs

_OF_DIGEST = blobs.c.digest == sa.bindparam("wanted")
_ROW_ID = sa.select(sa.literal_column("rowid", sa.Integer)).select_from(blobs).where(_OF_DIGEST)
_STRETCH = sa.select(
    sa.func.substring(blobs.c.data, sa.bindparam("first"), sa.bindparam("length"), type_=sa.LargeBinary)
).where(_OF_DIGEST)


def write(connection: sa.Connection, digest: str, pieces: Pieces) -> None:
    """Write the bytes of a blob for which there is room, on SQLite."""
    with driver_errors_explained(connection), _opened(connection, digest, readonly=False) as room:
        for piece in pieces:
            room.write(piece)


@contextmanager
def reading(connection: sa.Connection, digest: str) -> Iterator[Callable[[int, int], bytes]]:
    """Yield what returns the stored bytes from a place on, so many of them."""
    if connection.dialect.name == "sqlite":
        with driver_errors_explained(connection), _opened(connection, digest, readonly=True) as stored:

            def read(start: int, length: int) -> bytes:
                stored.seek(start)
                return stored.read(length)

            yield read
    else:
        yield lambda start, length: connection.execute(
            _STRETCH, {"wanted": digest, "first": start + 1, "length": length}
        ).scalar_one()


def _opened(connection: sa.Connection, digest: str, *, readonly: bool) -> sqlite3.Blob:
    raw = connection.connection.driver_connection
    row_id = connection.execute(_ROW_ID, {"wanted": digest}).scalar_one()
    assert isinstance(raw, sqlite3.Connection)
    return raw.blobopen(blobs.name, blobs.c.data.name, row_id, readonly=readonly)
