"""Write and read the bytes of a large blob in chunks."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.blobs.framing import FramedBytes
from waivern.database.connection.engine import translated_driver_errors
from waivern.database.schema.tables import blobs

_HAS_DIGEST = blobs.c.digest == sa.bindparam("wanted")
_ROW_ID = sa.select(sa.literal_column("rowid", sa.Integer)).select_from(blobs).where(_HAS_DIGEST)
_START, _LENGTH = sa.bindparam("start", type_=sa.Integer), sa.bindparam("length", type_=sa.Integer)


def write(connection: sa.Connection, digest: str, data: bytes | FramedBytes) -> None:
    """Write the bytes of a blob into `chunked_data`, which was filled with as many zeros before; SQLite only."""
    with translated_driver_errors(connection), _open(connection, digest, blobs.c.chunked_data, readonly=False) as blob:
        for chunk in [data] if isinstance(data, bytes) else data:
            blob.write(chunk)


@contextmanager
def reader(connection: sa.Connection, digest: str, column: sa.Column[bytes]) -> Iterator[Callable[[int, int], bytes]]:
    """Yield a function that returns stored bytes of a column, given their offset and their number."""
    if connection.dialect.name == "sqlite":
        with translated_driver_errors(connection), _open(connection, digest, column, readonly=True) as blob:

            def read(offset: int, length: int) -> bytes:
                blob.seek(offset)
                return blob.read(length)

            yield read
    else:
        chunk = sa.select(sa.func.substring(column, _START, _LENGTH, type_=sa.LargeBinary)).where(_HAS_DIGEST)
        yield lambda offset, length: connection.execute(
            chunk, {"wanted": digest, "start": offset + 1, "length": length}
        ).scalar_one()


def _open(connection: sa.Connection, digest: str, column: sa.Column[bytes], *, readonly: bool) -> sqlite3.Blob:
    raw = connection.connection.driver_connection
    row_id = connection.execute(_ROW_ID, {"wanted": digest}).scalar_one()
    assert isinstance(raw, sqlite3.Connection)
    return raw.blobopen(blobs.name, column.name, row_id, readonly=readonly)
