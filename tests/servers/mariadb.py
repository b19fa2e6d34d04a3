"""A real MariaDB for tests: the server in the environment, else a private one if MariaDB is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

MARIADB_URL = "WAIVERN_TEST_MARIADB_URL"
_START_TIMEOUT_S = 60.0


@contextmanager
def mariadb_server() -> Iterator[sa.URL]:
    """Yield the URL of a MariaDB with an administrator's credentials, or skip the test.

    It is the server in `WAIVERN_TEST_MARIADB_URL`, else a private one in a temporary folder.
    """
    configured = os.environ.get(MARIADB_URL)
    if configured:
        yield sa.make_url(configured).set(drivername="mysql+pymysql")
        return
    server, install = _binary("mariadbd", "mysqld"), _binary("mariadb-install-db", "mysql_install_db")
    if server is None or install is None:
        pytest.skip(f"no MariaDB is installed (apt-get install mariadb-server), and {MARIADB_URL} names none")
    with (
        tempfile.TemporaryDirectory(prefix="waivern-mariadb-") as folder,
        _running(server, install, Path(folder)) as url,
    ):
        yield url


@contextmanager
def fresh_mariadb_database(server: sa.URL) -> Iterator[sa.URL]:
    """Yield the URL of a new, empty database, which is dropped afterwards."""
    name = f"waivern_{uuid.uuid4().hex}"
    with _administrator(server) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield server.set(database=name)
    finally:
        with _administrator(server) as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def as_properties(url: sa.URL) -> dict[str, object]:
    """Return the properties of `mysql` for the database at the URL."""
    properties = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    return {**properties, "database": url.database}


@contextmanager
def _running(server: str, install: str, folder: Path) -> Iterator[sa.URL]:
    password, port = uuid.uuid4().hex, _free_port()
    user = _not_root(folder)
    data = folder / "data"
    result = subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", *user],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    init_file = folder / "init.sql"
    statements = ["DROP USER IF EXISTS ''@'localhost'", f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}'"]
    init_file.write_text("".join(f"{statement};\n" for statement in statements), encoding="utf-8")
    init_file.chmod(0o644)
    log = folder / "log"
    options = [f"--datadir={data}", f"--port={port}", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
    options += ["--bind-address=127.0.0.1", "--skip-networking=0", "--skip-log-bin", f"--init-file={init_file}"]
    with log.open("wb") as output:
        process = subprocess.Popen([server, "--no-defaults", *options, *user], stdout=output, stderr=output)
    url = sa.URL.create("mysql+pymysql", "root", password, "127.0.0.1", port)
    try:
        _wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _not_root(folder: Path) -> Sequence[str]:
    """Return options to run the server as `nobody`, because it refuses to run as root."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "nobody")
    return ["--user=nobody"]


def _wait_until_ready(url: sa.URL, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            with _administrator(url):
                return
        except sa.exc.OperationalError:
            has_ended = process.poll() is not None
            assert not has_ended, log.read_text(encoding="utf-8", errors="replace")[-2000:]
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8", errors="replace")[-2000:]
            time.sleep(0.1)


@contextmanager
def _administrator(url: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _binary(*names: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
