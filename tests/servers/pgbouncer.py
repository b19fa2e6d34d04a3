"""A real pgbouncer with transaction pooling, if it is installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

_START_TIMEOUT_S = 60.0


@contextmanager
def pgbouncer(postgres_url: str) -> Iterator[str]:
    """Yield the URL of a Postgres database through a pgbouncer that gives each transaction another session.

    Skips the test if no pgbouncer is installed.
    """
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        pytest.skip("no pgbouncer is installed (apt-get install pgbouncer)")
    with tempfile.TemporaryDirectory(prefix="waivern-pgbouncer-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        configuration = Path(folder) / "pgbouncer.ini"
        configuration.write_text(_configuration(sa.make_url(postgres_url), port), encoding="utf-8")
        log = Path(folder) / "log"
        command = [program, *_not_root(Path(folder), sa.make_url(postgres_url)), str(configuration)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            url = sa.make_url(postgres_url).set(host="127.0.0.1", port=port, query={})
            _wait_until_ready(port, process, log)
            yield url.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(60)


def _configuration(server: sa.URL, port: int) -> str:
    """Sessions are few and handed out in turn, so that a transaction seldom gets the session of the one before."""
    host = server.query.get("host") or server.host
    login = "".join(
        f" {key}={value}" for key, value in {"user": server.username, "password": server.password}.items() if value
    )
    return f"""\
[databases]
* = host={host} port={server.port or 5432}{login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 200
default_pool_size = 5
min_pool_size = 3
server_round_robin = 1
"""


def _not_root(folder: Path, server: sa.URL) -> list[str]:
    """Return options to run it as the owner of the server's socket, or as `nobody`: it refuses to run as root."""
    if os.getuid() != 0:
        return []
    folder.chmod(0o755)
    sockets = Path(str(server.query.get("host", "")))
    owner = sockets.stat().st_uid if sockets.is_dir() else 0
    return ["-u", pwd.getpwuid(owner).pw_name if owner else "nobody"]


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            text = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.05)
        else:
            return
