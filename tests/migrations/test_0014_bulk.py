"""What going back from the fourteenth migration does with large contents."""

import sqlalchemy as sa

from waivern.database.connection.engine import open_engine, writing
from waivern.database.schema.migration import downgrade, upgrade


def test_the_bytes_of_large_contents_stay_where_their_column_goes(database_url: str) -> None:
    engine = open_engine(database_url)
    upgrade(engine, "0014")
    with writing(engine) as connection:
        for digest, data, bulk in ((b"\x01" * 32, b"", b"large"), (b"\x02" * 32, b"small", None)):
            connection.execute(
                sa.text(
                    "INSERT INTO blobs (digest, codec, size, stored_size, data, bulk) VALUES (:i, 'raw', 5, 5, :d, :b)"
                ),
                {"i": digest, "d": data, "b": bulk},
            )
    downgrade(engine, "0013")
    with engine.connect() as connection:
        stored = connection.execute(sa.text("SELECT data FROM blobs ORDER BY digest")).scalars()
        assert [bytes(data) for data in stored] == [b"large", b"small"]
    engine.dispose()
