"""The time from a scheduled time to the start of the run's first artifact, and the CPU time of an idle service.

`python -m benchmarks.fire_latency [SECONDS]`: one service with a schedule that is due every second, for 60 seconds by
default; then one with 1,000 schedules that are not due, for 30 seconds.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import print_table
from benchmarks.services import DATABASES, installation_on, middle_and_worst
from tests.builders.callers import CALLER
from tests.builders.faulty_services import Installation, this_second
from waivern.schedules.schedule import Overlap, ScheduleDefinition
from waivern.schedules.timing import Cron, Every

_WARM_UP = 5
_IDLE_S = 30
_FIRST_STARTS = """
SELECT runs.due_at AS due_at, min(artifacts.started_at) AS started_at
FROM runs JOIN artifacts ON run_number = number GROUP BY runs.id, runs.due_at ORDER BY runs.due_at
"""


def latencies(installation: Installation, *, seconds: int) -> list[float]:
    """Return the latency of each scheduled time in milliseconds, without the first few."""
    runbook = installation.runbook("often", {"a": {}, "b": {"inputs": ["a"]}})
    with installation.service("serve", "--workers", "1"):
        installation.schedule(runbook, Every(1, this_second()), overlap=Overlap.ALLOW)
        time.sleep(seconds + _WARM_UP)
    rows = installation.query(_FIRST_STARTS)
    return [1000 * (instant(row.started_at) - instant(row.due_at)).total_seconds() for row in rows][_WARM_UP:]


def instant(value: object) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def idle(installation: Installation) -> tuple[float, float, float]:
    """Return the per cent of a core used, and the MB of the service and of a process that waits for runs."""
    runbook = installation.runbook("seldom", {"a": {}})
    with installation.application() as application:
        for number in range(1000):
            timing = Cron(f"{number % 60} {number % 24} 1 1 *")
            application.storage.schedules.add(
                ScheduleDefinition(f"seldom-{number}", runbook, "seldom", timing), caller=CALLER
            )
    with installation.service("serve", "--workers", "1") as process:
        time.sleep(5)
        family = [process.pid, *children_of(process.pid)]
        before = sum(cpu_seconds(pid) for pid in family)
        time.sleep(_IDLE_S)
        used = sum(cpu_seconds(pid) for pid in family) - before
        return 100 * used / _IDLE_S, resident_mb(process.pid), max(resident_mb(pid) for pid in family[1:])


def children_of(pid: int) -> list[int]:
    """Return the ids of all descendants of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children_of(int(child))]
    return found


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    rows = []
    for database in DATABASES:
        with installation_on(database) as installation:
            found = latencies(installation, seconds=seconds)
            rows.append((database, len(found), *middle_and_worst(found)))
    print_table(
        "Scheduled time to first artifact's start", ("database", "runs", "median ms", "p99 ms", "worst ms"), rows
    )
    rows_idle = []
    for database in DATABASES:
        with installation_on(database) as installation:
            rows_idle.append((database, *idle(installation)))
    header = ("database", "% of a core, all processes", "service MB", "waiting process MB")
    print_table("Idle with 1,000 schedules", header, rows_idle)


if __name__ == "__main__":
    main()
