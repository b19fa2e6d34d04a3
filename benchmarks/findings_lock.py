"""How long the write lock is held while a run with many findings is saved and closed.

`python -m benchmarks.findings_lock [--findings 100000] [--postgres-only | --sqlite-only]`

Three runs of one runbook: all findings are new, all are the same, and all have changed. The other writer is a process
that asks for the lock of the SQLite file again and again, as the standard library's driver does.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from benchmarks.databases import postgres, sqlite
from benchmarks.measuring import peak_memory_mb, print_table
from tests.builders.callers import CALLER
from waivern.database.runs.run_store import SqlRunStore
from waivern.messages.message import Message
from waivern.runs.run import RunStatus
from waivern.testing.builders import ANY_SCHEMA, plan_of_dag

_OTHER_WRITER = """
import sqlite3, sys, threading, time
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
connection = sqlite3.connect(sys.argv[1], timeout=600, isolation_level=None)
longest = 0.0
while not stopped.is_set():
    began = time.monotonic()
    connection.execute("BEGIN IMMEDIATE")
    longest = max(longest, time.monotonic() - began)
    connection.execute("ROLLBACK")
    time.sleep(0.02)
print(longest)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--postgres-only", action="store_true")
    only.add_argument("--sqlite-only", action="store_true")
    arguments = parser.parse_args()
    databases: dict[str, Callable[[], Any]] = {}
    if not arguments.postgres_only:
        databases["SQLite"] = lambda: sqlite("NORMAL")
    if not arguments.sqlite_only:
        databases["Postgres"] = postgres
    rows = []
    for name, database in databases.items():
        with database() as engine:
            rows += [[name, *row] for row in _measure(engine, arguments.findings)]
    header = ["database", "run", "step", "took, s", "lock held at most, s", "other writer waited at most, s"]
    print_table(f"{arguments.findings:,} findings", header, rows)
    print(f"peak memory {peak_memory_mb():,.0f} MB")


def _measure(engine: sa.Engine, number: int) -> Iterator[list[object]]:
    held = _LongestTransaction(engine)
    for name, matches in (("all new", 1), ("unchanged", 1), ("all changed", 2)):
        message = _message(number, matches)
        run = SqlRunStore(engine).create(plan_of_dag({"found": []}), trigger="benchmark", caller=CALLER)
        steps: dict[str, Callable[[], object]] = {
            "save": partial(run.store.save, "found", message),
            "close": partial(run.log.close, RunStatus.SUCCEEDED),
        }
        for step, work in steps.items():
            held.longest_s = 0.0
            with _other_writer(engine) as waits:
                began = time.monotonic()
                work()
                took = time.monotonic() - began
            yield [name, step, took, held.longest_s, waits[0] if waits else "-"]


def _message(number: int, matches: int) -> Message:
    found = [
        {
            "fingerprint": hashlib.sha256(str(index).encode()).hexdigest()[:32],
            "rule": f"rule{index % 50}",
            "category": "email",
            "severity": "medium",
            "matched_patterns": [{"pattern": "p", "match_count": matches}],
            "metadata": {"source": "files"},
            "location": {"file_path": f"folder{index % 1000}/file{index}.txt"},
            "confidence": 0.9,
        }
        for index in range(number)
    ]
    return Message("", {"findings": found}, ANY_SCHEMA)


class _LongestTransaction:
    """Measures the longest transaction that writes, from when it has the lock to when it is committed."""

    def __init__(self, engine: sa.Engine) -> None:
        self.longest_s = 0.0
        self._began: dict[int, float] = {}
        sa.event.listen(engine, "begin", self._note_begin)
        sa.event.listen(engine, "commit", self._note_end)

    def _note_begin(self, connection: sa.Connection) -> None:
        if connection.get_execution_options().get("waivern_begin"):
            self._began[id(connection)] = time.monotonic()

    def _note_end(self, connection: sa.Connection) -> None:
        began = self._began.pop(id(connection), None)
        if began is not None:
            self.longest_s = max(self.longest_s, time.monotonic() - began)


@contextmanager
def _other_writer(engine: sa.Engine) -> Iterator[list[float]]:
    waits: list[float] = []
    if engine.dialect.name != "sqlite":
        yield waits
        return
    command = [sys.executable, "-c", _OTHER_WRITER, str(engine.url.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(0.3)
        yield waits
        waits.append(float(process.communicate("")[0]))


if __name__ == "__main__":
    main()
