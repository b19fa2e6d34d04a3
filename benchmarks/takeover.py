"""Workers that are killed or stopped during a run.

`python -m benchmarks.takeover [KILLS [STOPS]]`, 100 and 20 by default: two services, and a run of ten artifacts whose
worker is killed at a random point, every second time with its service; or stopped with its service (SIGSTOP), as on a
frozen host, and continued after the other service has taken over.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

from benchmarks.fire_latency import children_of
from benchmarks.measuring import print_table
from benchmarks.services import DATABASES, installation_on, middle_and_worst
from tests.builders.faulty_services import Installation, eventually, stop
from waivern.errors import WaivernError
from waivern.runs.run import RunStatus
from waivern.runs.run_store import NewRun

_ARTIFACTS = 10
_STOP_LEASE_S = 2.0
_MAX_LOCK_S = 10.0
_ROWS = (
    "SELECT artifact_id, artifacts.status, artifacts.epoch, digest"
    " FROM artifacts JOIN runs ON number = run_number WHERE id = :run ORDER BY artifact_id"
)
_RUN = "SELECT status, epoch, ended_at FROM runs WHERE id = :run"
_ENDED = (RunStatus.SUCCEEDED, RunStatus.INTERRUPTED, RunStatus.FAILED)


@dataclass
class Series:
    """The results of one series; `resumed_late` counts stopped workers that worked again when they were continued."""

    installation: Installation
    runbook: Any
    services: list["Popen[str]"]
    resumed_s: list[float] = field(default_factory=list)
    executed_twice: int = 0
    unreadable: int = 0
    late_writes: int = 0
    resumed_late: int = 0
    held_the_lock: int = 0

    def kill(self, *, with_service: bool) -> None:
        """Kill the worker of a run at a random point."""
        run_id, since, victim = self._start_run()
        number = self._service_of(victim)
        if with_service:
            self.services[number].kill()
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        hit = time.time()
        self._wait_for_end(run_id, within_s=60)
        self._record(run_id, since, victim, hit)
        if with_service:
            self.services[number].wait()
            self.services[number] = self.installation.start("serve", "--workers", "1")
            self.installation.wait_until_serving(self.services[number])

    def stop(self) -> None:
        """Stop the worker of a run and its service at a random point, and continue them after the takeover."""
        run_id, since, victim = self._start_run()
        service = self.services[self._service_of(victim)].pid
        for pid in (service, victim):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        hit = time.time()
        try:
            self._wait_for_end(run_id, within_s=_STOP_LEASE_S + _MAX_LOCK_S)
        except AssertionError:
            self.held_the_lock += 1  # the lock of the whole SQLite file, as documented
        rows = self._written(run_id)
        continued_at = time.time()
        for pid in (victim, service):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        time.sleep(0.7)
        self._wait_for_end(run_id, within_s=60)
        self.resumed_late += any(
            entry["pid"] == victim and entry["at"] > continued_at for entry in self._journal(since)
        )
        if rows[1][0].ended_at is not None:
            self.late_writes += self._written(run_id) != rows
            self._record(run_id, since, victim, hit)

    def _start_run(self) -> tuple[str, int, int]:
        since = len(self.installation.journal_entries())
        with self.installation.application() as application:
            run_id = application.storage.runs.enqueue(NewRun(self.runbook, "chain", "trigger", max_attempts=5))
        eventually(lambda: self._journal(since))
        time.sleep(random.uniform(0, 0.04 * _ARTIFACTS))
        return run_id, since, self._journal(since)[-1]["pid"]

    def _service_of(self, pid: int) -> int:
        return next((n for n, service in enumerate(self.services) if pid in children_of(service.pid)), 0)

    def _wait_for_end(self, run_id: str, *, within_s: float) -> None:
        with self.installation.application() as application:
            history = application.storage.history
            eventually(lambda: history.find(run_id).status in _ENDED, within_s=within_s, details=self.installation.logs)

    def _journal(self, since: int) -> list[dict[str, Any]]:
        return self.installation.journal_entries()[since:]

    def _written(self, run_id: str) -> list[Sequence[Any]]:
        return [self.installation.query(_ROWS, run=run_id), self.installation.query(_RUN, run=run_id)]

    def _record(self, run_id: str, since: int, victim: int, hit: float) -> None:
        started = [entry for entry in self._journal(since) if entry["what"] == "begins"]
        later = [entry for entry in started if entry["pid"] != victim]
        if later:
            self.resumed_s.append(later[0]["at"] - hit)
        self.executed_twice += executed_twice(self._written(run_id)[0], later)
        with self.installation.application() as application:
            history = application.storage.history
            for artifact in history.artifacts_of(run_id):
                try:
                    history.message_of(run_id, artifact.artifact_id)
                except WaivernError:
                    self.unreadable += 1


def executed_twice(rows: Sequence[Any], later: Sequence[Any]) -> int:
    """Return how many artifacts were produced by the first worker, by their epoch, and started by another one."""
    first_epoch = 1
    produced_first = {row.artifact_id for row in rows if row.epoch == first_epoch}
    return sum(entry["name"] in produced_first for entry in later)


def chain(installation: Installation) -> Any:
    artifacts: dict[str, Any] = {"a0": {"seconds": 0.03}}
    for number in range(1, _ARTIFACTS):
        artifacts[f"a{number}"] = {"seconds": 0.03, "inputs": [f"a{number - 1}"]}
    return installation.runbook("chain", artifacts)


def series(database: str, *, kills: int = 0, stops: int = 0) -> Sequence[object]:
    with installation_on(database, lease_s=_STOP_LEASE_S if stops else 30.0) as installation:
        services = [installation.start("serve", "--workers", "1") for _ in range(2)]
        results = Series(installation, chain(installation), services)
        try:
            for service in services:
                installation.wait_until_serving(service)
            for number in range(kills):
                results.kill(with_service=bool(number % 2))
            for _ in range(stops):
                results.stop()
        finally:
            for service in results.services:
                stop(service)
    resumed = middle_and_worst(results.resumed_s) if results.resumed_s else ("-", "-", "-")
    wrong = (results.executed_twice, results.unreadable)
    stopped = (results.late_writes, results.resumed_late, results.held_the_lock) if stops else ()
    return (database, kills + stops, len(results.resumed_s), *resumed, *wrong, *stopped)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    stops = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    header = ("database", "signals", "taken over", "median s", "p99 s", "worst s", "executed twice", "unreadable")
    rows = [series(database, kills=kills) for database in DATABASES if kills]
    print_table("Worker killed at a random point, every second time with its service (lease 30 s)", header, rows)
    rows = [series(database, stops=stops) for database in DATABASES if stops]
    further = ("late writes", "resumed late", "held the lock")
    print_table(
        f"Worker and service stopped, continued after the takeover (lease {_STOP_LEASE_S:g} s)", header + further, rows
    )


if __name__ == "__main__":
    main()
