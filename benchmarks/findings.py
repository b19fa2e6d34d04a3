"""The first page of findings, by each filter, over years of runs.

`python -m benchmarks.findings [--rows 10000000] [--postgres-only | --sqlite-only]`

Builds a database of 10,000 runs of 100 runbooks. Each finding has four rows in `findings`: it was changed three times.
"""

import argparse
import statistics
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from benchmarks.databases import bytes_in, postgres, sqlite
from benchmarks.history import DIGEST, run
from benchmarks.measuring import print_table
from waivern.database.connection.engine import writing
from waivern.database.current.current_findings import SqlCurrentFindings
from waivern.database.schema.artifact_view import insert_artifacts
from waivern.database.schema.tables import (
    blobs,
    current_findings,
    finding_snapshots,
    finding_state_cursors,
    finding_streams,
    findings,
    runbooks,
    runs,
)
from waivern.history.current_findings import FindingFilter, FindingStatus, Order
from waivern.runs.run import new_run_id

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RUNBOOKS = 100
RUNS_EACH = 100
VERSIONS = 4
TODAY = (BEGIN + timedelta(days=300)).date()

_NUMBERS = "WITH RECURSIVE n(f) AS (SELECT 0 UNION ALL SELECT f + 1 FROM n WHERE f < {findings} - 1)"
_SQLITE = {
    "fingerprint": "printf('%08x%08x%08x%08x', f * 2654435761 % 4294967296, f, f * 40503 % 65536, f)",
    "instant": "datetime('2026-01-01', '+' || ({minutes}) || ' minutes') || '.000000'",
}
_POSTGRES = {
    "fingerprint": "md5(f::text)",
    "instant": "timestamptz '2026-01-01 00:00+00' + ({minutes}) * interval '1 minute'",
}
_LOCATION = "'folder' || (f % 100) || '/file' || (f / 100 % 1000) || CASE f % 7 WHEN 0 THEN '.csv' ELSE '.txt' END"
_RANK = "CASE WHEN f % 100 = 0 THEN 3 WHEN f % 10 = 0 THEN 2 WHEN f % 3 = 0 THEN 0 ELSE 1 END"
_SEVERITY = (
    "CASE WHEN f % 100 = 0 THEN 'critical' WHEN f % 10 = 0 THEN 'high' WHEN f % 3 = 0 THEN 'low' ELSE 'medium' END"
)
_STATE = "CASE WHEN f % 1000 = 1 THEN 'new' WHEN f % 100 = 2 THEN 'unknown' WHEN f % 3 = 0 THEN 'fixed' ELSE 'open' END"
_VERDICT = "CASE WHEN f % 10000 = 4 THEN 'suppressed' WHEN f % 10000 = 5 THEN 'accepted' END"
_SNAPSHOT = f"1 + f / {RUNBOOKS} % {RUNS_EACH - VERSIONS + 1}"
_WHAT = f"'rule' || (f % 200), 'category' || (f % 50), {_SEVERITY}"
_WHERE = f"'files', {_LOCATION}, 0.9, 1"

_INSERT_FINDINGS = f"""
INSERT INTO findings (stream_id, fingerprint, valid_from, valid_to, rule, category, severity, source, location,
    confidence, match_count)
{_NUMBERS}, v(version) AS (VALUES (0), (1), (2), (3))
SELECT 1 + f % {RUNBOOKS}, {{fingerprint}}, {_SNAPSHOT} + version,
    CASE WHEN version < {VERSIONS - 1} OR f % 3 = 0 THEN {_SNAPSHOT} + version END, {_WHAT}, {_WHERE}
FROM n CROSS JOIN v ORDER BY 1, 2, 3
"""
_INSERT_CURRENT = f"""
INSERT INTO current_findings (cursor_id, fingerprint, state, since, rule, category, severity, severity_rank,
    source, location, confidence, match_count, first_run_id, first_at, verdict)
{_NUMBERS}
SELECT 1 + f % {RUNBOOKS}, {{fingerprint}}, {_STATE}, {{instant}}, {_WHAT}, {_RANK}, {_WHERE}, 'r', {{instant}},
    {_VERDICT}
FROM n ORDER BY 2
"""

_INSERT_LOCATIONS = "INSERT INTO finding_locations SELECT DISTINCT location FROM current_findings"


def fill(engine: sa.Engine, rows: int) -> None:
    """Insert the rows; the indexes are created afterwards."""
    _fill_runs(engine)
    name = engine.dialect.name
    words = dict(_SQLITE if name == "sqlite" else _POSTGRES)
    words["instant"] = words["instant"].format(minutes=f"({_SNAPSHOT}) * {RUNBOOKS} + f % {RUNBOOKS}")
    indexes = [*findings.indexes, *current_findings.indexes]
    with writing(engine) as connection:
        if name == "sqlite":
            connection.exec_driver_sql("PRAGMA cache_size = -400000")
        for index in indexes:
            index.drop(connection)
        for statement in (_INSERT_FINDINGS, _INSERT_CURRENT, _INSERT_LOCATIONS):
            written = statement.format(findings=rows // VERSIONS, **words)
            connection.exec_driver_sql(written if name == "sqlite" else written.replace("%", "%%"))
        for index in indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _fill_runs(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(sa.insert(runbooks), {"digest": DIGEST, "name": "nightly", "sources": {}})
        blob = {
            "digest": DIGEST,
            "codec": "raw",
            "size": 2,
            "stored_size": 2,
            "checksum": zlib.crc32(b"{}"),
            "data": b"{}",
        }
        connection.execute(sa.insert(blobs), blob)
        for number in range(RUNBOOKS):
            name = f"runbook {number}"
            instants = [BEGIN + timedelta(minutes=seq * RUNBOOKS + number) for seq in range(1, RUNS_EACH + 1)]
            run_rows = [{**run(new_run_id(at), at), "runbook_name": name, "status": "succeeded"} for at in instants]
            connection.execute(sa.insert(runs), run_rows)
            insert_artifacts(connection, [_artifact(run_row["id"], seq) for seq, run_row in enumerate(run_rows, 1)])
            stream = {"id": number + 1, "runbook_name": name, "artifact_id": "found", "last_seq": RUNS_EACH}
            connection.execute(sa.insert(finding_streams), stream)
            connection.execute(
                sa.insert(finding_snapshots),
                [_snapshot(number + 1, s, run_row) for s, run_row in enumerate(run_rows, 1)],
            )
            newest = {
                "run_id": run_rows[-1]["id"],
                "run_at": instants[-1],
                "snapshots": {"found": [RUNS_EACH, RUNS_EACH]},
            }
            connection.execute(sa.insert(finding_state_cursors), {"id": number + 1, "runbook_name": name, **newest})


def _artifact(run_id: object, seq: int) -> dict[str, object]:
    values = {
        "run_id": run_id,
        "artifact_id": "found",
        "position": 0,
        "kind": "process",
        "status": "succeeded",
        "epoch": 1,
    }
    return {**values, "output": False, "optional": False, "digest": DIGEST, "snapshot_seq": seq}


def _snapshot(stream_id: int, seq: int, run_row: dict[str, object]) -> dict[str, object]:
    seen = {"first_run_id": run_row["id"], "first_at": run_row["started_at"]}
    last = {"last_run_id": run_row["id"], "last_at": run_row["started_at"]}
    return {
        "stream_id": stream_id,
        "seq": seq,
        "digest": f"{stream_id:032x}{seq:032x}",
        "rows_digest": f"{seq:032x}{stream_id:032x}",
        "coverage_gaps": {},
        **seen,
        **last,
    }


FILTERS: dict[str, tuple[FindingFilter, Order]] = {
    "newest": (FindingFilter(), Order.NEWEST),
    "most severe": (FindingFilter(), Order.SEVERITY),
    "--runbook": (FindingFilter(runbook="runbook 7"), Order.NEWEST),
    "--category": (FindingFilter(category="category7"), Order.NEWEST),
    "--severity critical": (FindingFilter(severity="critical"), Order.NEWEST),
    **{f"--status {status.value}": (FindingFilter(status=status), Order.NEWEST) for status in FindingStatus},
    "--since, the last hour": (FindingFilter(since=BEGIN + timedelta(minutes=9740)), Order.NEWEST),
    "--location, one place": (FindingFilter(location="folder7/file7.txt"), Order.NEWEST),
    "--location, few begin so": (FindingFilter(location="folder7/file77*"), Order.NEWEST),
    "--location, many begin so": (FindingFilter(location="folder*"), Order.NEWEST),
    "--location, *.csv": (FindingFilter(location="*.csv"), Order.NEWEST),
    "--location, * and few end so": (FindingFilter(location="*r7/file777.csv"), Order.NEWEST),
    "--location, * and none ends so": (FindingFilter(location="*.nothing"), Order.NEWEST),
    "--runbook --severity, none": (FindingFilter(runbook="runbook 7", severity="critical"), Order.NEWEST),
    "--runbook, most severe": (FindingFilter(runbook="runbook 7"), Order.SEVERITY),
    "--category --severity, none": (FindingFilter(category="category7", severity="critical"), Order.NEWEST),
    "--status new --severity, none": (FindingFilter(status=FindingStatus.NEW, severity="critical"), Order.NEWEST),
    "--runbook --status --severity": (
        FindingFilter(runbook="runbook 10", status=FindingStatus.OPEN, severity="high"),
        Order.NEWEST,
    ),
}


def measure(name: str, engine: sa.Engine, rows: int) -> list[list[object]]:
    began = time.perf_counter()
    fill(engine, rows)
    print(f"{name}: filled in {time.perf_counter() - began:,.0f} s, {bytes_in(engine) / 1e9:.1f} GB", flush=True)
    current = SqlCurrentFindings(engine)
    table: list[list[object]] = []
    for question, (finding_filter, order) in FILTERS.items():
        found, took = _median_ms(partial(_first_page, current, finding_filter, order))
        table.append([name, question, found, took])
    middle = current.page(FindingFilter(since=None), order=Order.NEWEST, after=_middle(), limit=1, today=TODAY)[0].key
    found, took = _median_ms(lambda: _first_page(current, FindingFilter(), Order.NEWEST, after=middle))
    table.append([name, "--after, half way down", found, took])
    one = current.page(FindingFilter(), order=Order.NEWEST, after=None, limit=1, today=TODAY)[0].finding.fingerprint
    found, took = _median_ms(lambda: len(current.presences_of(one)))
    return [*table, [name, "show FINGERPRINT, its runs", found, took]]


def _middle() -> str:
    at = BEGIN + timedelta(minutes=RUNBOOKS * RUNS_EACH // 2)
    return f"0-{(at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}-0"


def _first_page(
    current: SqlCurrentFindings, finding_filter: FindingFilter, order: Order, after: str | None = None
) -> int:
    return len(current.page(finding_filter, order=order, after=after, limit=20, today=TODAY))


def _median_ms(ask: Callable[[], int]) -> tuple[int, float]:
    found, times = ask(), []
    for _ in range(15):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return found, statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--sqlite-only", action="store_true")
    parser.add_argument("--postgres-only", action="store_true")
    arguments = parser.parse_args()
    table: list[list[object]] = []
    if not arguments.postgres_only:
        with sqlite("NORMAL") as engine:
            table += measure("SQLite", engine, arguments.rows)
    if not arguments.sqlite_only:
        with postgres() as engine:
            table += measure("Postgres", engine, arguments.rows)
    print_table(
        f"The first 20 of {arguments.rows:,} rows of {RUNBOOKS * RUNS_EACH:,} runs (in process, medians of 15)",
        ("database", "question", "found", "ms"),
        table,
    )


if __name__ == "__main__":
    main()
