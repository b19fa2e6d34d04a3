"""Deadlines of runs that get stuck: `python -m benchmarks.deadlines [TIMES]`, 50 of each kind by default."""

import os
import sys
import time
from datetime import timedelta
from typing import Any

from benchmarks.fire_latency import instant
from benchmarks.measuring import print_table
from benchmarks.services import DATABASES, installation_on, percentile
from tests.builders.faulty_services import Installation, eventually
from waivern.runs.run_store import NewRun

_TIMEOUT_S = 0.5
_KINDS: dict[
    str, dict[str, Any]
] = {  # the last one ends by itself, a moment too late; its process goes on with other runs
    **{kind: {"does": kind, "seconds": 600.0} for kind in ("sleeps", "loops_in_python", "loops_in_c")},
    "matches_for_ever": {"does": "matches_for_ever"},
    "ends a moment late": {"does": "sleeps", "seconds": _TIMEOUT_S + 0.03},
}
_STATE = "SELECT status, deadline, ended_at FROM runs WHERE id = :run"
_WRITTEN = (
    "SELECT * FROM runs WHERE id = :run",
    "SELECT artifacts.* FROM artifacts JOIN runs ON number = run_number WHERE id = :run ORDER BY artifact_id",
    "SELECT * FROM run_attempts WHERE run_id = :run ORDER BY epoch",
)


def overshoots(installation: Installation, kind: str) -> tuple[float, float, int]:
    """Run into one deadline; return by how many seconds the record and the process overshot it, and late writes."""
    runbook = installation.runbook(kind, {"a": {}, "b": {"inputs": ["a"], **_KINDS[kind]}}, timeout=_TIMEOUT_S)
    since = len(installation.journal_entries())
    with installation.application() as application:
        run_id = application.storage.runs.enqueue(NewRun(runbook, kind, "trigger"))
    eventually(
        lambda: any(entry["name"] == "b" for entry in installation.journal_entries()[since:]), details=installation.logs
    )
    pid = installation.journal_entries()[-1]["pid"]
    gone_at = 0.0
    written: list[object] | None = None
    while not gone_at or written is None:
        if not gone_at and (not exists(pid) or (written is not None and kind == "ends a moment late")):
            gone_at = time.time()
        if written is None and installation.query(_STATE, run=run_id)[0].ended_at is not None:
            written = [installation.query(query, run=run_id) for query in _WRITTEN]
        time.sleep(0.01)
    time.sleep(0.3)
    is_changed = written != [installation.query(query, run=run_id) for query in _WRITTEN]
    (row,) = installation.query(_STATE, run=run_id)
    assert row.status == "timed_out", row
    deadline = instant(row.deadline)
    record = (instant(row.ended_at) - deadline) / timedelta(seconds=1)
    return record, gone_at - deadline.timestamp(), int(is_changed)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rows = []
    for database in DATABASES:
        with installation_on(database) as installation, installation.service("serve", "--workers", "1"):
            for kind in _KINDS:
                found = [overshoots(installation, kind) for _ in range(times)]
                records, processes = [record[0] for record in found], [record[1] for record in found]
                shown = (percentile(records, 0.99), max(records), percentile(processes, 0.99), max(processes))
                rows.append((database, kind, times, *shown, sum(record[2] for record in found)))
    header = ("database", "component", "runs", "record p99 s", "worst", "process p99 s", "worst", "late writes")
    print_table(f"Overshoot of a deadline of {_TIMEOUT_S:g} s", header, rows)


if __name__ == "__main__":
    main()
