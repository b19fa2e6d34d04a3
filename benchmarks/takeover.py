"""Workers that are killed or stopped in the middle.

`python -m benchmarks.takeover [KILLS [STOPS]]`, 100 and 20 unless told: a run of ten artifacts has its worker killed at
a random point, or stopped (SIGSTOP) and woken when another has taken over.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from benchmarks.measuring import print_table
from benchmarks.services import DATABASES, installation_on, middle_and_worst
from tests.faults.services import Installation, eventually
from waivern.errors import WaivernError
from waivern.runs.run import RunStatus
from waivern.runs.run_queue import NewRun

_ARTIFACTS = 10
_STOP_LEASE_S = 2.0
_ROWS = "SELECT artifact_id, status, epoch, digest FROM artifacts WHERE run_id = :run ORDER BY artifact_id"
_RUN = "SELECT status, epoch, ended_at FROM runs WHERE id = :run"


def chain(installation: Installation) -> Any:
    artifacts: dict[str, Any] = {"a0": {"seconds": 0.03}}
    for number in range(1, _ARTIFACTS):
        artifacts[f"a{number}"] = {"seconds": 0.03, "inputs": [f"a{number - 1}"]}
    return installation.runbook("chain", artifacts)


def begun(installation: Installation, since: int) -> list[dict[str, Any]]:
    return [each for each in installation.journalled()[since:] if each["what"] == "begins"]


def interrupt(installation: Installation, number: int, runbook: Any) -> tuple[float | None, int, int, int]:
    """One run whose worker gets the signal: seconds to the next start, artifacts redone, unreadable, late writes."""
    since = len(installation.journalled())
    with installation.application() as application:
        storage = application.storage
        run_id = storage.queue.add(NewRun(runbook, "chain", "trigger", max_attempts=5))
        eventually(lambda: begun(installation, since))
        time.sleep(random.uniform(0, 0.04 * _ARTIFACTS))
        victim = begun(installation, since)[-1]["pid"]
        with suppress(ProcessLookupError):
            os.kill(victim, number)
        hit = time.time()
        ended = (RunStatus.SUCCEEDED, RunStatus.INTERRUPTED, RunStatus.FAILED)
        eventually(lambda: storage.history.find(run_id).status in ended, within_s=60, what=installation.said)
        before = [installation.query(_ROWS, run=run_id), installation.query(_RUN, run=run_id)]
        if number == signal.SIGSTOP:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGCONT)
            time.sleep(0.7)
        changed = int([installation.query(_ROWS, run=run_id), installation.query(_RUN, run=run_id)] != before)
        unreadable = 0
        for artifact in storage.history.artifacts_of(run_id):
            try:
                storage.history.message_of(run_id, artifact.artifact_id)
            except WaivernError:
                unreadable += 1
    later = [each for each in begun(installation, since) if each["pid"] != victim]
    resumed = later[0]["at"] - hit if later else None
    return resumed, redone(before[0], later), unreadable, changed


def redone(rows: Sequence[Any], later: Sequence[Any]) -> int:
    """Artifacts that were made by the first worker, as the epoch says that stands at them, and begun by another."""
    first_epoch = 1
    made_first = {row.artifact_id for row in rows if row.epoch == first_epoch}
    return sum(each["name"] in made_first for each in later)


def series(database: str, number: int, times: int) -> tuple[object, ...]:
    lease_s = _STOP_LEASE_S if number == signal.SIGSTOP else 30.0
    with installation_on(database, lease_s=lease_s) as installation:
        runbook = chain(installation)
        with installation.service("serve", "--workers", "2"):
            found = [interrupt(installation, number, runbook) for _ in range(times)]
    resumed = [each[0] for each in found if each[0] is not None]
    sums = [sum(each[1] for each in found), sum(each[2] for each in found), sum(each[3] for each in found)]
    return (database, times, len(resumed), *(middle_and_worst(resumed) if resumed else ("-", "-", "-")), *sums)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    stops = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    header = (
        "database",
        "signals",
        "taken over",
        "median s",
        "p99 s",
        "worst s",
        "redone",
        "unreadable",
        "late writes",
    )
    rows = [series(database, signal.SIGKILL, kills) for database in DATABASES]
    print_table("Worker killed at a random point (lease 30 s)", header, rows)
    rows = [series(database, signal.SIGSTOP, stops) for database in DATABASES]
    print_table(f"Worker stopped, woken after the takeover (lease {_STOP_LEASE_S:g} s)", header, rows)


if __name__ == "__main__":
    main()
