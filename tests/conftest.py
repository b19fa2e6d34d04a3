"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from tests.builders.installations import migrated
from tests.builders.thoroughness import examples
from tests.servers.databases import fresh_postgres_database, postgres_server, sqlite_url
from tests.servers.mariadb import fresh_mariadb_database, mariadb_server
from tests.servers.mongodb import MongoDatabase, fresh_mongo_database, mongodb_server
from tests.servers.s3 import S3Server, s3_server

settings.register_profile("waivern", max_examples=examples(100))
settings.load_profile("waivern")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder that the commands of all tests share; nothing is written to the user's own."""
    before = os.environ.get("WAIVERN_CACHE_DIR")
    folder = tmp_path_factory.mktemp("cache") / "waivern"
    os.environ["WAIVERN_CACHE_DIR"] = str(folder)
    yield folder
    del os.environ["WAIVERN_CACHE_DIR"]
    os.environ.update({} if before is None else {"WAIVERN_CACHE_DIR": before})


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """A real Postgres server, started on first use."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """The URL of a new, empty Postgres database."""
    with fresh_postgres_database(postgres_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server_url() -> Iterator[sa.URL]:
    """A real MariaDB server, started on first use; where there is none the test is skipped."""
    with mariadb_server() as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server_url: sa.URL) -> Iterator[sa.URL]:
    """Where a new, empty MariaDB database is."""
    with fresh_mariadb_database(mariadb_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def mongodb_server_uri() -> Iterator[str]:
    """What speaks MongoDB's protocol, started on first use."""
    with mongodb_server() as uri:
        yield uri


@pytest.fixture
def mongo(mongodb_server_uri: str) -> Iterator[MongoDatabase]:
    """A new, empty database of a server that speaks MongoDB's protocol."""
    with fresh_mongo_database(mongodb_server_uri) as database:
        yield database


@pytest.fixture(scope="session")
def s3_server_of_session() -> Iterator[S3Server]:
    """A real S3 server, started on first use."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_server_of_session: S3Server) -> S3Server:
    """A real S3 server without any bucket."""
    s3_server_of_session.reset()
    return s3_server_of_session


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database: SQLite, then Postgres."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A database with its tables: SQLite, then Postgres."""
    with migrated(database_url) as ready:
        yield ready
