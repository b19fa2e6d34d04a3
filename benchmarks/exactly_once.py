"""Several services on one database, killed again and again: does each scheduled time have one run?

`python -m benchmarks.exactly_once [SECONDS]`: three services and two schedules that are due every second, for 60
seconds by default; every 2 to 3 seconds one of the services is killed and replaced.
"""

import random
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.fire_latency import instant
from benchmarks.measuring import print_table
from benchmarks.services import DATABASES, installation_on
from tests.builders.faulty_services import Installation, eventually, stop, this_second
from waivern.schedules.schedule import CatchUp, Overlap, Schedule
from waivern.schedules.timing import Every, due_between

_SERVICES = 3
_COMMAND = ("serve", "--workers", "1")


def kill_services(installation: Installation, *, seconds: float) -> tuple[int, int, int, int, int, int]:
    """Return kills, scheduled times, those without a run, duplicate runs, failed runs, artifacts produced twice."""
    runbook = installation.runbook("often", {"a": {"seconds": 0.02}, "b": {"inputs": ["a"]}})
    terms: dict[str, Any] = {"overlap": Overlap.ALLOW, "catch_up": CatchUp.ALL, "max_catch_up": 1000}
    services = [installation.start(*_COMMAND) for _ in range(_SERVICES)]
    for service in services:
        installation.wait_until_serving(service)
    schedules = [installation.schedule(runbook, Every(1, this_second()), name=f"s{n}", **terms) for n in range(2)]
    kills, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(random.uniform(2, 3))
        victim = random.randrange(_SERVICES)
        services[victim].kill()
        services[victim].wait()
        services[victim] = installation.start(*_COMMAND)
        kills += 1
    end = datetime.now(UTC)
    time.sleep(3)
    unfinished = "SELECT count(*) AS n FROM runs WHERE status IN ('queued', 'running') AND due_at <= :end"
    eventually(lambda: installation.query(unfinished, end=end.replace(tzinfo=None))[0].n == 0, within_s=120)
    for service in services:
        stop(service)
    missed, doubled, due = counted(installation, schedules, end)
    not_so = "SELECT count(*) AS n FROM runs WHERE status <> 'succeeded' AND due_at <= :end"
    not_succeeded = installation.query(not_so, end=end.replace(tzinfo=None))[0].n
    return kills, due, missed, doubled, not_succeeded, redone(installation)


def counted(installation: Installation, schedules: list[Schedule], end: datetime) -> tuple[int, int, int]:
    missed = doubled = due = 0
    for schedule in schedules:
        expected = set(due_between(schedule.definition.timing, after=schedule.created_at, until=end))
        rows = installation.query("SELECT due_at FROM runs WHERE schedule_id = :id", id=schedule.id)
        made = [instant(row.due_at) for row in rows]
        missed += len(expected - set(made))
        doubled += len(made) - len(set(made))
        due += len(expected)
    return missed, doubled, due


def redone(installation: Installation) -> int:
    """Return how many artifacts were produced more than once."""
    ends = sum(entry["what"] == "ends" for entry in installation.journal_entries())
    return int(ends - installation.query("SELECT count(*) AS n FROM artifacts WHERE status = 'succeeded'")[0].n)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    rows = []
    for database in DATABASES:
        with installation_on(database) as installation:
            rows.append((database, *kill_services(installation, seconds=seconds)))
            for row in installation.query("SELECT id, status, error FROM runs WHERE error IS NOT NULL"):
                print(database, row.id, row.status, row.error)
    header = ("database", "kills", "due", "missed", "double", "not succeeded", "artifacts produced twice")
    print_table("Three services, one killed every 2 to 3 s", header, rows)


if __name__ == "__main__":
    main()
