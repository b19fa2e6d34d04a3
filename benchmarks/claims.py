"""Concurrent claims from one queue: `python -m benchmarks.claims [RUNS]`, 2,000 by default."""

import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import print_table
from benchmarks.services import DATABASES, installation_on
from tests.builders.faulty_services import Installation
from waivern.bootstrap import build_application
from waivern.runs.run_store import NewRun
from waivern.settings import Settings

_CLAIMANTS = (1, 2, 4, 8)


def claim_all(url: str, ready: Any, shares: Any) -> None:
    """Claim until the queue is empty, in a process; put the claimed ids and the longest wait into `shares`."""
    application = build_application(Settings(database_url=url))
    runs = application.storage.runs
    ready.wait()
    claimed, longest = [], 0.0
    while True:
        began = time.perf_counter()
        run = runs.claim()
        longest = max(longest, time.perf_counter() - began)
        if run is None:
            break
        claimed.append(run.run_id)
    shares.put((claimed, longest))
    application.close()


def contend(installation: Installation, *, runs: int, claimants: int) -> tuple[int, int, float, float]:
    """Return runs claimed twice, runs not claimed, the longest wait in ms, and claims per second."""
    with installation.application() as application:
        added = {application.storage.runs.enqueue(NewRun(Path("/x.yaml"), "x", "trigger")) for _ in range(runs)}
    processes = multiprocessing.get_context("spawn")
    ready, shares = processes.Barrier(claimants + 1), processes.Queue()
    started = [
        processes.Process(target=claim_all, args=(installation.database_url, ready, shares)) for _ in range(claimants)
    ]
    for process in started:
        process.start()
    ready.wait()
    began = time.perf_counter()
    found = [shares.get() for _ in started]
    took = time.perf_counter() - began
    for process in started:
        process.join()
    claimed = [run_id for share, _ in found for run_id in share]
    return (
        len(claimed) - len(set(claimed)),
        len(added - set(claimed)),
        1000 * max(wait for _, wait in found),
        runs / took,
    )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rows = []
    for database in DATABASES:
        for claimants in _CLAIMANTS:
            with installation_on(database) as installation:
                rows.append((database, claimants, *contend(installation, runs=runs, claimants=claimants)))
    header = ("database", "claimants", "claimed twice", "not claimed", "longest wait ms", "claims per second")
    print_table(f"{runs:,} queued runs", header, rows)


if __name__ == "__main__":
    main()
