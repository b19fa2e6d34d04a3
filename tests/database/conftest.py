"""What tests of the database may ask for."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.builders.installations import migrated
from waivern.database.connection.engine import open_engine
from waivern.database.connection.keyring import new_key, read_keyring


@pytest.fixture(params=["unencrypted", "encrypted"])
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[sa.Engine]:
    """A database with unencrypted contents, then one with encrypted contents."""
    key = new_key() if request.param == "encrypted" else ""
    with migrated(database_url):
        opened = open_engine(database_url, synchronous="NORMAL", keys=read_keyring(text=key))
        yield opened
        opened.dispose()
