"""What must not take longer with each run: showing a finding, ending a run, and pruning when nothing is due.

`python -m benchmarks.many_runs [--runs 200000] [--artifacts 5] [--postgres]`

All runs are of one runbook and found the same. The first half succeeded, the second half failed. All content is kept
for ten years. The runs are copies of a real one.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import sqlalchemy as sa

from benchmarks.databases import bytes_in, postgres, sqlite
from benchmarks.measuring import print_table
from tests.builders.callers import CALLER
from waivern import Message, Schema
from waivern.database.connection.engine import writing
from waivern.database.current.current_findings import SqlCurrentFindings
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.run_store import SqlRunStore
from waivern.history.retention import PruneRequest
from waivern.runs.run import RunStatus
from waivern.runs.run_store import RunHandle
from waivern.testing.builders import plan_of_dag

FINGERPRINT = "3f" * 16
_TEN_YEARS = "315360000.0"
_FOUND = Message(
    "",
    {
        "findings": [
            {
                "fingerprint": FINGERPRINT,
                "rule": "email_address",
                "category": "email",
                "severity": "medium",
                "location": {"file_path": "a.txt"},
                "evidence": [],
                "matched_patterns": [{"pattern": "value: address", "match_count": 3}],
                "confidence": 0.9,
                "metadata": {"source": "files"},
            }
        ],
        "summary": {},
        "analysis_metadata": {"ruleset": "local/personal_data_indicator/1.0.0", "rules_version": "1"},
    },
    Schema("personal_data_indicator", "1.0.0"),
)
_COPIED_RUN = {
    "number": "first.number + n",
    "id": "substr(first.id, 1, 24) || substr('000000000000' || n, length('000000000000' || n) - 11)",
    "status": "CASE WHEN n < {runs} / 2 THEN 'succeeded' ELSE 'failed' END",
}
_SQLITE_TIME = "strftime('%Y-%m-%d %H:%M:%S', first.{name}, '+' || n || ' seconds') || '.000000'"
_POSTGRES_TIME = "first.{name} + n * interval '1 second'"
_NUMBERS = "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {runs})"


def fill(engine: sa.Engine, number: int, artifacts_each: int) -> None:
    """Execute one run, and insert as many copies of it, a second apart."""
    end(open_run(engine, artifacts_each))
    with writing(engine) as connection:
        connection.exec_driver_sql(f"UPDATE artifact_declarations SET retain = '{_TEN_YEARS}'")
        for table in ("runs", "artifacts"):
            connection.exec_driver_sql(_copies(connection, table).format(runs=number))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _copies(connection: sa.Connection, table: str) -> str:
    instant = _SQLITE_TIME if connection.dialect.name == "sqlite" else _POSTGRES_TIME
    instants = {name: instant.format(name=name) for name in ("created_at", "started_at", "ended_at")}
    values = {**instants, **_COPIED_RUN} if table == "runs" else {"run_number": "first.run_number + n"}
    columns = [column["name"] for column in sa.inspect(connection).get_columns(table)]
    names = ", ".join(f'"{name}"' for name in columns)
    selected = ", ".join(values.get(name, f'first."{name}"') for name in columns)
    return f"INSERT INTO {table} ({names}) {_NUMBERS} SELECT {selected} FROM counter CROSS JOIN {table} AS first"


def open_run(engine: sa.Engine, artifacts_each: int) -> RunHandle:
    """Return a run that has saved its messages."""
    names = [f"found{number}" for number in range(artifacts_each)]
    opened = SqlRunStore(engine).create(plan_of_dag({name: [] for name in names}), trigger="test", caller=CALLER)
    for name in names:
        opened.store.save(name, _FOUND)
    return opened


def end(opened: RunHandle) -> None:
    opened.log.close(RunStatus.SUCCEEDED)


def measure(engine: sa.Engine, number: int, artifacts_each: int) -> list[list[object]]:
    began = time.perf_counter()
    fill(engine, number, artifacts_each)
    name = engine.dialect.name
    print(f"{name}: filled in {time.perf_counter() - began:,.0f} s, {bytes_in(engine) / 1e6:,.0f} MB", flush=True)
    current, retention = SqlCurrentFindings(engine), SqlRetention(engine)
    with_open_runs = iter([open_run(engine, artifacts_each) for _ in range(4)])
    questions: dict[str, Callable[[], object]] = {
        "findings show": lambda: current.presences_of(FINGERPRINT),
        "end of a run": lambda: end(next(with_open_runs)),
        "prune, nothing due": lambda: retention.prune(PruneRequest(), caller=CALLER),
    }
    return [[name, question, _median_ms(ask)] for question, ask in questions.items()]


def _median_ms(ask: Callable[[], object], *, times: int = 3) -> float:
    ask()
    measured = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        measured.append((time.perf_counter() - began) * 1000)
    return statistics.median(measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--artifacts", type=int, default=5, help="artifacts of each run")
    parser.add_argument("--postgres", action="store_true", help="also measure Postgres")
    arguments = parser.parse_args()
    rows: list[list[object]] = []
    for open_database in [lambda: sqlite("NORMAL"), *([postgres] if arguments.postgres else [])]:
        with open_database() as engine:
            rows += measure(engine, arguments.runs, arguments.artifacts)
    title = f"After {arguments.runs:,} runs of {arguments.artifacts} artifacts (in process, medians of 3)"
    print_table(title, ("database", "question", "ms"), rows)


if __name__ == "__main__":
    main()
