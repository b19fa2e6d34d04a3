"""Listing the newest 20 of many runs.

`python -m benchmarks.history [--runs 100000] [--artifacts 10] [--postgres]`
"""

import argparse
import statistics
import time
import zlib
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from benchmarks.databases import postgres, sqlite
from benchmarks.measuring import print_table
from waivern.database.connection.engine import writing
from waivern.database.runs.history import SqlHistory
from waivern.database.schema.artifact_view import insert_artifacts
from waivern.database.schema.tables import blobs, runbooks, runs
from waivern.history.run_records import RunFilter
from waivern.runs.run import RunStatus, new_run_id

DIGEST = "00" * 32
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def fill(engine: sa.Engine, number: int, artifacts_each: int) -> None:
    """Insert `number` ended runs, a minute apart, a thousand rows per statement."""
    with writing(engine) as connection:
        connection.execute(sa.insert(runbooks), {"digest": DIGEST, "name": "nightly", "sources": {}})
        connection.execute(
            sa.insert(blobs),
            {
                "digest": DIGEST,
                "codec": "raw",
                "size": 2,
                "stored_size": 2,
                "checksum": zlib.crc32(b"{}"),
                "data": b"{}",
            },
        )
        for first in range(0, number, 1000):
            instants = [BEGIN + timedelta(minutes=index) for index in range(first, min(first + 1000, number))]
            ids = [new_run_id(instant) for instant in instants]
            connection.execute(sa.insert(runs), [run(id_, at) for id_, at in zip(ids, instants, strict=True)])
            insert_artifacts(connection, [artifact(id_, index) for id_ in ids for index in range(artifacts_each)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def run(run_id: str, at: datetime) -> dict[str, object]:
    return {
        "id": run_id,
        "runbook_digest": DIGEST,
        "runbook_name": f"nightly {at.minute}",
        "trigger": "manual",
        "status": RunStatus.FAILED.value if at.minute == 7 else RunStatus.SUCCEEDED.value,
        "epoch": 1,
        "created_at": at,
        "started_at": at,
        "ended_at": at + timedelta(seconds=3),
    }


def artifact(run_id: str, index: int) -> dict[str, object]:
    return {
        "run_id": run_id,
        "artifact_id": f"a{index}",
        "position": index,
        "kind": "source",
        "status": "succeeded",
        "epoch": 1,
        "output": False,
        "optional": False,
        "digest": DIGEST,
    }


def median_ms(history: SqlHistory, run_filter: RunFilter) -> float:
    times = []
    for _ in range(31):
        started = time.perf_counter()
        assert len(history.recent(run_filter, limit=20)) == 20
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def driver_ms(engine: sa.Engine) -> float:
    """Return the lower bound: the driver alone fetching the same 20 rows of runs."""
    query = "SELECT * FROM runs ORDER BY created_at DESC, id DESC LIMIT 20"
    times = []
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        for _ in range(31):
            started = time.perf_counter()
            cursor.execute(query)
            assert len(cursor.fetchall()) == 20
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def measure(name: str, engine: sa.Engine, number: int, artifacts_each: int) -> list[list[object]]:
    fill(engine, number, artifacts_each)
    history, driver = SqlHistory(engine), driver_ms(engine)
    filters = {
        "newest 20": RunFilter(),
        "of one runbook": RunFilter(runbook="nightly 30"),
        "failed ones": RunFilter(status=RunStatus.FAILED),
        "before the middle": RunFilter(until=BEGIN + timedelta(minutes=number // 2)),
    }
    rows: list[list[object]] = []
    for question, run_filter in filters.items():
        took = median_ms(history, run_filter)
        rows.append([name, question, took, driver, took / driver])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--artifacts", type=int, default=10)
    parser.add_argument("--postgres", action="store_true", help="measure on Postgres too (slow to fill)")
    arguments = parser.parse_args()
    with sqlite("NORMAL") as engine:
        rows = measure("SQLite", engine, arguments.runs, arguments.artifacts)
    if arguments.postgres:
        with postgres() as engine:
            rows += measure("Postgres", engine, arguments.runs, arguments.artifacts)
    print_table(
        f"History over {arguments.runs:,} runs with {arguments.artifacts} artifacts each (ms, medians of 30)",
        ("database", "question", "ms", "driver alone ms", "x driver"),
        rows,
    )


if __name__ == "__main__":
    main()
