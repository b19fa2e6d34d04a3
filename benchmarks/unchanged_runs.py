"""Measure how many bytes a run without changes adds to the database, per run and per artifact.

`python -m benchmarks.unchanged_runs [--runs 60] [--tables]`

Half the artifacts are sources of 20 items and 10 files that were not scanned, the other half are findings in one of
them. The first runs are not measured, because they store the contents. The rest is what every unchanged run costs.
"""

import argparse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import sqlalchemy as sa

from benchmarks.databases import postgres, sqlite
from benchmarks.measuring import print_table
from tests.builders.callers import CALLER
from waivern import ExecutionPlan, Message, Schema
from waivern.database.runs.run_store import SqlRunStore
from waivern.runs.run import ArtifactChange, ArtifactStatus, RunStatus, utc_now
from waivern.testing.builders import plan_of_dag

_RUN_BYTES, _ARTIFACT_BYTES = 2048, 200
_SOURCE, _FOUND = Schema("standard_input", "1.0.0"), Schema("personal_data_indicator", "1.0.0")


def plan_of(artifacts: int) -> ExecutionPlan:
    pairs = range(artifacts // 2)
    return plan_of_dag({**{f"source{n}": [] for n in pairs}, **{f"found{n}": [f"source{n}"] for n in pairs}})


def source(number: int) -> Message:
    data = [{"content": f"row {row} of {number}", "metadata": {"source": "shop"}} for row in range(20)]
    not_scanned = [
        {"name": f"shop/{number}/picture{n}.png", "reason": "it is not text", "code": "binary"} for n in range(10)
    ]
    return Message("", {"name": f"source{number}", "data": data, "metadata": {"not_scanned": not_scanned}}, _SOURCE)


def found(number: int) -> Message:
    findings = [
        {
            "fingerprint": f"{number:016x}{entry:016x}",
            "rule": "email_address",
            "category": "email",
            "severity": "medium",
            "location": {"table": f"customers{number}", "column": f"column{entry}"},
            "evidence": [{"content": "a***@example.org"}],
            "matched_patterns": [{"pattern": "value: address", "match_count": 3}],
            "confidence": 0.9,
            "metadata": {"source": "shop"},
        }
        for entry in range(5)
    ]
    analysis = {"ruleset": "local/personal_data_indicator/1.0.0", "rules_version": "1", "scanned": 20}
    return Message("", {"findings": findings, "summary": {}, "analysis_metadata": analysis}, _FOUND)


def run(engine: sa.Engine, plan: ExecutionPlan, messages: Mapping[str, Message]) -> None:
    opened = SqlRunStore(engine).create(plan, trigger="schedule", caller=CALLER)
    for artifact_id, message in messages.items():
        opened.log.record(ArtifactChange(artifact_id, ArtifactStatus.RUNNING, utc_now()))
        opened.store.save(artifact_id, message)
    opened.log.close(RunStatus.SUCCEEDED)


def bytes_by_table(engine: sa.Engine) -> dict[str, int]:
    """Return the size of each table with its indexes, after vacuuming."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            # `dbstat` has one row per page, named after its table or index; count an index with its table
            sizes = (
                "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name"
                " GROUP BY m.tbl_name"
            )
        else:
            connection.exec_driver_sql("VACUUM")
            sizes = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
        return {str(name): int(size) for name, size in connection.exec_driver_sql(sizes)}


def grown(engine: sa.Engine, artifacts: int, *, runs: int) -> dict[str, float]:
    """Return the bytes that a run adds, by table."""
    plan, half = plan_of(artifacts), range(artifacts // 2)
    messages = {**{f"source{n}": source(n) for n in half}, **{f"found{n}": found(n) for n in half}}
    for _ in range(max(3, runs // 4)):
        run(engine, plan, messages)
    before = bytes_by_table(engine)
    for _ in range(runs):
        run(engine, plan, messages)
    after = bytes_by_table(engine)
    return {name: (after[name] - before.get(name, 0)) / runs for name in after if after[name] > before.get(name, 0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60, help="number of measured runs")
    parser.add_argument("--tables", action="store_true", help="also print the bytes by table")
    arguments = parser.parse_args()
    rows: list[list[object]] = []
    tables: list[list[object]] = []
    databases: dict[str, Callable[[], AbstractContextManager[sa.Engine]]] = {
        "SQLite": lambda: sqlite("NORMAL"),
        "Postgres": postgres,
    }
    for name, open_database in databases.items():
        totals = {}
        for artifacts in (10, 100):
            with open_database() as engine:
                sizes = grown(engine, artifacts, runs=arguments.runs * 10 // artifacts + 20)
            totals[artifacts] = sum(sizes.values())
            tables += [
                [name, artifacts, table, size] for table, size in sorted(sizes.items(), key=lambda item: -item[1])
            ]
            allowed = _RUN_BYTES + artifacts * _ARTIFACT_BYTES
            rows.append([name, artifacts, totals[artifacts], allowed, totals[artifacts] / allowed])
        per_artifact = (totals[100] - totals[10]) / 90
        per_run = totals[10] - 10 * per_artifact
        rows.append([name, "per run", per_run, _RUN_BYTES, per_run / _RUN_BYTES])
        rows.append([name, "per artifact", per_artifact, _ARTIFACT_BYTES, per_artifact / _ARTIFACT_BYTES])
    print_table("Bytes that an unchanged run adds", ("database", "artifacts", "bytes", "limit", "ratio"), rows)
    if arguments.tables:
        print_table("Bytes by table", ("database", "artifacts", "table", "bytes"), tables)


if __name__ == "__main__":
    main()
