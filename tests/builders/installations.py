"""Databases with their tables, and applications on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from waivern.database.connection.engine import open_engine
from waivern.database.schema.migration import upgrade


@contextmanager
def migrated(url: str) -> Iterator[sa.Engine]:
    """An engine for the database at `url`, brought to the newest revision; closed afterwards."""
    engine = open_engine(url, synchronous="NORMAL")
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()
