"""Time of verifying a whole history, compared with hashing the same bytes with SHA-256 in the same process.

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
from tests.builders.callers import CALLER
from waivern import Message, Schema
from waivern.database.audit_log import SqlAuditLog
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blobs
from waivern.messages.canonical import canonical_bytes
from waivern.runs.run import RunStatus
from waivern.testing.builders import plan_of_dag

_IN_A_RUN = 1000
_WORDS = [f"{stem}{ending}" for stem in ("cust", "order", "mail", "street", "pay", "birth") for ending in "abcdefgh"]


def message(number: int, kilobytes: float) -> Message:
    """Text that compresses about as well as prose, different for each artifact."""
    chance = random.Random(number)
    lines: list[str] = []
    size = 0
    while size < kilobytes * 1000:
        lines.append(f"{chance.getrandbits(64):x} {' '.join(chance.choices(_WORDS, k=20))}")
        size += len(lines[-1])
    return Message("", {"data": lines}, Schema("any", "1.0.0"))


def fill(engine: sa.Engine, artifacts: int, kilobytes: float) -> None:
    plan = plan_of_dag({f"a{number}": [] for number in range(_IN_A_RUN)})
    with ThreadPoolExecutor(16) as pool:
        for start in range(0, artifacts, _IN_A_RUN):
            run = SqlRunStore(engine).create(plan, trigger="benchmark", caller=CALLER)
            numbers = range(_IN_A_RUN)
            list(pool.map(lambda n: run.store.save(f"a{n}", message(start + n, kilobytes)), numbers))
            run.log.close(RunStatus.SUCCEEDED)


def raw_sha256(artifacts: int, kilobytes: float) -> tuple[float, int]:
    """Return the CPU seconds and the number of bytes of hashing the same contents only."""
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
    parser.add_argument("--postgres", action="store_true", help="use Postgres instead of SQLite")
    options = parser.parse_args()
    with postgres() if options.postgres else sqlite("NORMAL") as engine:
        fill(engine, options.artifacts, options.kilobytes)
        with engine.connect() as connection:
            stored = int(connection.scalar(sa.select(sa.func.sum(blobs.c.stored_size))) or 0)
        wall, cpu = time.perf_counter(), time.process_time()
        result = SqlAuditLog(engine).verify(progress=lambda _what, _done: None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert result.is_intact, result.mismatches
        assert result.counts["artifacts"] == options.artifacts
    raw, size = raw_sha256(options.artifacts, options.kilobytes)
    megabytes = size / 1_000_000
    print_table(
        f"Verifying {options.artifacts:,} artifacts of {options.kilobytes:g} KB ({stored / 1_000_000:,.0f} MB stored)",
        ("what", "wall s", "CPU s", "MB", "MB a CPU second", "peak MB of memory"),
        [
            ["waivern verify", wall, cpu, megabytes, megabytes / cpu, peak_memory_mb()],
            ["raw SHA-256 of the same bytes", raw, raw, megabytes, megabytes / raw, ""],
        ],
    )


if __name__ == "__main__":
    main()
