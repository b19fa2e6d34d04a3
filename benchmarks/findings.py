"""The first page of findings, by each filter, over years of runs.

`python -m benchmarks.findings [--rows 10000000] [--postgres-only | --sqlite-only]`

Builds a database of 10,000 runs of 100 runbooks. Each finding has four rows in `findings`: it was changed three times.
"""

import argparse
import statistics
import time
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
_PLACE = "'folder' || (f % 100) || '/file' || (f / 100 % 1000) || CASE f % 7 WHEN 0 THEN '.csv' ELSE '.txt' END"
_RANK = "CASE WHEN f % 100 = 0 THEN 3 WHEN f % 10 = 0 THEN 2 WHEN f % 3 = 0 THEN 0 ELSE 1 END"
_SEVERITY = (
    "CASE WHEN f % 100 = 0 THEN 'critical' WHEN f % 10 = 0 THEN 'high' WHEN f % 3 = 0 THEN 'low' ELSE 'medium' END"
)
_STATE = "CASE WHEN f % 1000 = 1 THEN 'new' WHEN f % 100 = 2 THEN 'unknown' WHEN f % 3 = 0 THEN 'fixed' ELSE 'open' END"
_VERDICT = "CASE WHEN f % 10000 = 4 THEN 'suppressed' WHEN f % 10000 = 5 THEN 'accepted' END"
_SET = f"1 + f / {RUNBOOKS} % {RUNS_EACH - VERSIONS + 1}"
_WHAT = f"'rule' || (f % 200), 'category' || (f % 50), {_SEVERITY}"
_WHERE = f"'files', {_PLACE}, 0.9, 1"

_INSERT_FINDINGS = f"""
INSERT INTO findings (stream_id, fingerprint, valid_from, valid_to, rule, category, severity, source, location,
    confidence, match_count)
{_NUMBERS}, v(version) AS (VALUES (0), (1), (2), (3))
SELECT 1 + f % {RUNBOOKS}, {{fingerprint}}, {_SET} + version,
    CASE WHEN version < {VERSIONS - 1} OR f % 3 = 0 THEN {_SET} + version END, {_WHAT}, {_WHERE}
FROM n CROSS JOIN v ORDER BY 1, 2, 3
"""
_INSERT_KNOWN = f"""
INSERT INTO current_findings (cursor_id, fingerprint, state, since, rule, category, severity, severity_rank,
    source, location, confidence, match_count, first_run_id, first_at, verdict)
{_NUMBERS}
SELECT 1 + f % {RUNBOOKS}, {{fingerprint}}, {_STATE}, {{instant}}, {_WHAT}, {_RANK}, {_WHERE}, 'r', {{instant}},
    {_VERDICT}
FROM n ORDER BY 2
"""

_INSERT_PLACES = "INSERT INTO finding_locations SELECT DISTINCT location FROM current_findings"


def fill(engine: sa.Engine, rows: int) -> None:
    """Write everything that the questions look at; indexes are made when the rows are there."""
    _fill_runs(engine)
    name = engine.dialect.name
    words = dict(_SQLITE if name == "sqlite" else _POSTGRES)
    words["instant"] = words["instant"].format(minutes=f"({_SET}) * {RUNBOOKS} + f % {RUNBOOKS}")
    indexes = [*findings.indexes, *current_findings.indexes]
    with writing(engine) as connection:
        if name == "sqlite":
            connection.exec_driver_sql("PRAGMA cache_size = -400000")
        for index in indexes:
            index.drop(connection)
        for statement in (_INSERT_FINDINGS, _INSERT_KNOWN, _INSERT_PLACES):
            written = statement.format(findings=rows // VERSIONS, **words)
            connection.exec_driver_sql(written if name == "sqlite" else written.replace("%", "%%"))
        for index in indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _fill_runs(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(sa.insert(runbooks), {"digest": DIGEST, "name": "nightly", "sources": {}})
        blob = {"digest": DIGEST, "codec": "raw", "size": 2, "stored_size": 2, "data": b"{}"}
        connection.execute(sa.insert(blobs), blob)
        for number in range(RUNBOOKS):
            name = f"runbook {number}"
            instants = [BEGIN + timedelta(minutes=seq * RUNBOOKS + number) for seq in range(1, RUNS_EACH + 1)]
            made = [{**run(new_run_id(at), at), "runbook_name": name, "status": "succeeded"} for at in instants]
            connection.execute(sa.insert(runs), made)
            insert_artifacts(connection, [_artifact(each["id"], seq) for seq, each in enumerate(made, 1)])
            line = {"id": number + 1, "runbook_name": name, "artifact_id": "found", "last_seq": RUNS_EACH}
            connection.execute(sa.insert(finding_streams), line)
            connection.execute(
                sa.insert(finding_snapshots), [_set(number + 1, s, each) for s, each in enumerate(made, 1)]
            )
            newest = {"run_id": made[-1]["id"], "run_at": instants[-1], "snapshots": {"found": [RUNS_EACH, RUNS_EACH]}}
            connection.execute(sa.insert(finding_state_cursors), {"id": number + 1, "runbook_name": name, **newest})


def _artifact(run_id: object, seq: int) -> dict[str, object]:
    said = {
        "run_id": run_id,
        "artifact_id": "found",
        "position": 0,
        "kind": "process",
        "status": "succeeded",
        "epoch": 1,
    }
    return {**said, "output": False, "optional": False, "digest": DIGEST, "snapshot_seq": seq}


def _set(stream_id: int, seq: int, made: dict[str, object]) -> dict[str, object]:
    seen = {"first_run_id": made["id"], "first_at": made["started_at"]}
    last = {"last_run_id": made["id"], "last_at": made["started_at"]}
    return {
        "stream_id": stream_id,
        "seq": seq,
        "digest": f"{stream_id:032x}{seq:032x}",
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
    **{f"--status {each.value}": (FindingFilter(status=each), Order.NEWEST) for each in FindingStatus},
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
    known = SqlCurrentFindings(engine)
    table: list[list[object]] = []
    for what, (wanted, order) in FILTERS.items():
        found, took = _median_ms(partial(_first_page, known, wanted, order))
        table.append([name, what, found, took])
    middle = known.page(FindingFilter(since=None), order=Order.NEWEST, after=_middle(), limit=1, today=TODAY)[0].key
    found, took = _median_ms(lambda: _first_page(known, FindingFilter(), Order.NEWEST, after=middle))
    table.append([name, "--after, half way down", found, took])
    one = known.page(FindingFilter(), order=Order.NEWEST, after=None, limit=1, today=TODAY)[0].finding.fingerprint
    found, took = _median_ms(lambda: len(known.presences_of(one)))
    return [*table, [name, "show FINGERPRINT, its runs", found, took]]


def _middle() -> str:
    at = BEGIN + timedelta(minutes=RUNBOOKS * RUNS_EACH // 2)
    return f"0-{(at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}-0"


def _first_page(known: SqlCurrentFindings, wanted: FindingFilter, order: Order, after: str | None = None) -> int:
    return len(known.page(wanted, order=order, after=after, limit=20, today=TODAY))


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
    asked = parser.parse_args()
    table: list[list[object]] = []
    if not asked.postgres_only:
        with sqlite("NORMAL") as engine:
            table += measure("SQLite", engine, asked.rows)
    if not asked.sqlite_only:
        with postgres() as engine:
            table += measure("Postgres", engine, asked.rows)
    print_table(
        f"The first 20 of {asked.rows:,} rows of findings of {RUNBOOKS * RUNS_EACH:,} runs (in process, medians of 15)",
        ("database", "question", "found", "ms"),
        table,
    )


if __name__ == "__main__":
    main()
