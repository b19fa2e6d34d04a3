"""Verifying a whole history, against the raw SHA-256 of the bytes that it holds, in the same process.

`python -m benchmarks.verify [--artifacts 100000] [--kilobytes 2] [--postgres]`
"""

import argparse
import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from benchmarks.databases import postgres, sqlite
from benchmarks.measuring import peak_memory_mb, print_table
from waivern import Message, Schema
from waivern.database.runs.run_register import SqlRunRegister
from waivern.database.schema.tables import blobs
from waivern.database.verification.verifier import SqlVerifier
from waivern.messages.canonical import canonical_bytes
from waivern.runs.run import RunStatus
from waivern.testing.builders import plan_of_dag

_IN_A_RUN = 1000
_WORDS = [f"{stem}{ending}" for stem in ("cust", "order", "mail", "street", "pay", "birth") for ending in "abcdefgh"]


def message(number: int, kilobytes: float) -> Message:
    """Text that compresses about as prose does, another one for each artifact."""
    chance = random.Random(number)
    lines: list[str] = []
    size = 0
    while size < kilobytes * 1000:
        lines.append(f"{chance.getrandbits(64):x} {' '.join(chance.choices(_WORDS, k=20))}")
        size += len(lines[-1])
    return Message("", {"data": lines}, Schema("any", "1.0.0"))


def remember(engine: sa.Engine, artifacts: int, kilobytes: float) -> None:
    plan = plan_of_dag({f"a{number}": [] for number in range(_IN_A_RUN)})
    with ThreadPoolExecutor(16) as pool:
        for start in range(0, artifacts, _IN_A_RUN):
            run = SqlRunRegister(engine).begin(plan, trigger="benchmark")
            numbers = range(_IN_A_RUN)
            list(pool.map(lambda n: run.store.save(f"a{n}", message(start + n, kilobytes)), numbers))
            run.log.close(RunStatus.SUCCEEDED)


def raw_sha256(artifacts: int, kilobytes: float) -> tuple[float, int]:
    """(CPU seconds, bytes) of hashing the same contents, and nothing else."""
    seconds, size = 0.0, 0
    for start in range(0, artifacts, _IN_A_RUN):
        contents = [canonical_bytes(message(start + n, kilobytes).content) for n in range(_IN_A_RUN)]
        began = time.process_time()
        for content in contents:
            hashlib.sha256(content).digest()
        seconds += time.process_time() - began
        size += sum(map(len, contents))
    return seconds, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifacts", type=int, default=100_000)
    parser.add_argument("--kilobytes", type=float, default=2.0, help="of each artifact's content")
    parser.add_argument("--postgres", action="store_true", help="on Postgres, in place of SQLite")
    given = parser.parse_args()
    with postgres() if given.postgres else sqlite("NORMAL") as engine:
        remember(engine, given.artifacts, given.kilobytes)
        with engine.connect() as connection:
            stored = int(connection.scalar(sa.select(sa.func.sum(blobs.c.stored_size))) or 0)
        wall, cpu = time.perf_counter(), time.process_time()
        found = SqlVerifier(engine).verify(progress=lambda _what, _done: None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert found.damage == 0, found.damages
        assert found.counts["artifacts"] == given.artifacts
    raw, size = raw_sha256(given.artifacts, given.kilobytes)
    megabytes = size / 1_000_000
    print_table(
        f"Verifying {given.artifacts:,} artifacts of {given.kilobytes:g} KB ({stored / 1_000_000:,.0f} MB stored)",
        ("what", "wall s", "CPU s", "MB", "MB a CPU second", "peak MB of memory"),
        [
            ["waivern verify", wall, cpu, megabytes, megabytes / cpu, peak_memory_mb()],
            ["raw SHA-256 of the same bytes", raw, raw, megabytes, megabytes / raw, ""],
        ],
    )


if __name__ == "__main__":
    main()
