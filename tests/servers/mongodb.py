"""A server with MongoDB's protocol for tests: the one in the environment, else a private one from a wheel."""

import os
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

MONGODB_URI = "WAIVERN_TEST_MONGODB_URI"


@dataclass(frozen=True)
class MongoDatabase:
    """A new, empty database; `is_mongodb` is whether the server is a real MongoDB."""

    uri: str
    name: str
    database: Database[dict[str, Any]]
    is_mongodb: bool


@contextmanager
def mongodb_server() -> Iterator[str]:
    """Yield the URI of the server in `WAIVERN_TEST_MONGODB_URI`, else of NX-27017, which stores data in memory."""
    configured = os.environ.get(MONGODB_URI)
    if configured:
        yield configured
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="waivern-mongodb-") as folder:
        files = [f"--log-file={folder}/log", f"--pid-file={folder}/pid", "--data-dir=memory"]
        log = Path(folder) / "output"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "nx_27017.nx_27017", f"--port={port}", *files]
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        try:
            yield f"mongodb://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def fresh_mongo_database(uri: str) -> Iterator[MongoDatabase]:
    name = f"waivern_{uuid.uuid4().hex}"
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=30_000) as client:
        yield MongoDatabase(uri, name, client[name], bool(os.environ.get(MONGODB_URI)))
        client.drop_database(name)
