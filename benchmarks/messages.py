"""Saving a large message, saving it again in another run, and reading it; compared to the bare operations.

`python -m benchmarks.messages [--megabytes 10]`
"""

import argparse
import hashlib
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable

import msgspec
import sqlalchemy as sa
import zstandard

from benchmarks.databases import bytes_in, postgres, sqlite
from benchmarks.measuring import print_table
from tests.builders.callers import CALLER
from waivern import Message, Schema
from waivern.artifacts.store import ArtifactStore
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.testing.builders import plan_of_dag

TIMES = 5
WORDS = [f"{stem}{ending}" for stem in ("cust", "order", "mail", "street", "pay", "birth") for ending in "abcdefgh"]


def message(megabytes: float, seed: int) -> Message:
    """Return a message whose text compresses about as well as prose; each seed gives a different one."""
    rng = random.Random(seed)
    lines: list[str] = []
    size = 0
    while size < megabytes * 1_000_000:
        lines.append(f"{rng.getrandbits(64):x} {' '.join(rng.choices(WORDS, k=60))}")
        size += len(lines[-1])
    return Message("", {"data": [{"content": line} for line in lines]}, Schema("any", "1.0.0"))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def bare(content: object) -> tuple[float, float]:
    """Return the minimum in ms: JSON, hash, compression and one commit without Waivern; and reading it back."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(f"{folder}/floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE blobs (digest TEXT PRIMARY KEY, data BLOB)")

        def save() -> None:
            data = msgspec.json.encode(content)
            compressed = zstandard.compress(data, 3)
            connection.execute("INSERT INTO blobs VALUES (?, ?)", (hashlib.sha256(data).hexdigest(), compressed))

        def read() -> None:
            digest, compressed = connection.execute("SELECT digest, data FROM blobs").fetchone()
            data = zstandard.decompress(compressed)
            assert hashlib.sha256(data).hexdigest() == digest
            msgspec.json.decode(data)

        result = timed(save), timed(read)
        connection.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=10)
    megabytes = parser.parse_args().megabytes
    messages = [message(megabytes, seed) for seed in range(TIMES)]
    floors = [bare(dict(large.content)) for large in messages]
    floor = [statistics.median(column) for column in zip(*floors, strict=True)]
    with sqlite("FULL") as on_sqlite, postgres() as on_postgres:
        rows = [
            [name, *measure(engine, messages, floor)]
            for name, engine in (("SQLite FULL", on_sqlite), ("Postgres", on_postgres))
        ]
    print_table(
        f"A message of {megabytes:g} MB (ms, medians of {TIMES})",
        ("store", "saved", "x bare", "saved again", "new bytes", "read", "x bare"),
        rows,
    )


def measure(engine: sa.Engine, messages: list[Message], floor: list[float]) -> list[object]:
    plan = plan_of_dag({f"a{index}": [] for index in range(len(messages))})

    def store() -> tuple[str, ArtifactStore]:
        run = SqlRunStore(engine).create(plan, trigger="benchmark", caller=CALLER)
        return run.run_id, run.store

    run_id, first = store()
    saved = statistics.median(timed(lambda: first.save(f"a{index}", large)) for index, large in enumerate(messages))
    _, second = store()
    size = bytes_in(engine)
    again = statistics.median(timed(lambda: second.save(f"a{index}", large)) for index, large in enumerate(messages))
    new = bytes_in(engine) - size
    history = SqlHistory(engine)
    read = statistics.median(timed(lambda: history.message_of(run_id, f"a{index}")) for index in range(len(messages)))
    return [saved, saved / floor[0], again, new, read, read / floor[1]]


if __name__ == "__main__":
    main()
