"""Workers that are killed or stopped in the middle.

`python -m benchmarks.takeover [KILLS [STOPS]]`, 100 and 20 by default: two services, and a run of ten artifacts whose
worker is killed at a random point, every other time with its service; or stopped with its service (SIGSTOP), as on a
host that freezes, and woken when the other service has taken over.
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
_HOLDS_THE_LOCK_S = 10.0
_ROWS = (
    "SELECT artifact_id, artifacts.status, artifacts.epoch, digest"
    " FROM artifacts JOIN runs ON number = run_number WHERE id = :run ORDER BY artifact_id"
)
_RUN = "SELECT status, epoch, ended_at FROM runs WHERE id = :run"
_ENDED = (RunStatus.SUCCEEDED, RunStatus.INTERRUPTED, RunStatus.FAILED)


@dataclass
class Torment:
    """What came of one series; `went_on` counts stopped workers that were at work again when they were woken."""

    installation: Installation
    runbook: Any
    services: list["Popen[str]"]
    resumed_s: list[float] = field(default_factory=list)
    redone: int = 0
    unreadable: int = 0
    late_writes: int = 0
    went_on: int = 0
    held_the_lock: int = 0

    def kill(self, *, with_service: bool) -> None:
        """Kill the worker of a run at a random point."""
        run_id, since, victim = self._run_in_its_middle()
        number = self._service_of(victim)
        if with_service:
            self.services[number].kill()
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        hit = time.time()
        self._wait_for_end(run_id, within_s=60)
        self._note(run_id, since, victim, hit)
        if with_service:
            self.services[number].wait()
            self.services[number] = self.installation.start("serve", "--workers", "1")
            self.installation.wait_until_serving(self.services[number])

    def stop(self) -> None:
        """Stop the worker of a run and its service at a random point, and wake them after the takeover."""
        run_id, since, victim = self._run_in_its_middle()
        service = self.services[self._service_of(victim)].pid
        for pid in (service, victim):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        hit = time.time()
        try:
            self._wait_for_end(run_id, within_s=_STOP_LEASE_S + _HOLDS_THE_LOCK_S)
        except AssertionError:
            self.held_the_lock += 1  # of the whole SQLite file; documented
        before = self._written(run_id)
        woken = time.time()
        for pid in (victim, service):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        time.sleep(0.7)
        self._wait_for_end(run_id, within_s=60)
        self.went_on += any(each["pid"] == victim and each["at"] > woken for each in self._journal(since))
        if before[1][0].ended_at is not None:
            self.late_writes += self._written(run_id) != before
            self._note(run_id, since, victim, hit)

    def _run_in_its_middle(self) -> tuple[str, int, int]:
        since = len(self.installation.journalled())
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
            eventually(lambda: history.find(run_id).status in _ENDED, within_s=within_s, what=self.installation.said)

    def _journal(self, since: int) -> list[dict[str, Any]]:
        return self.installation.journalled()[since:]

    def _written(self, run_id: str) -> list[Sequence[Any]]:
        return [self.installation.query(_ROWS, run=run_id), self.installation.query(_RUN, run=run_id)]

    def _note(self, run_id: str, since: int, victim: int, hit: float) -> None:
        begun = [each for each in self._journal(since) if each["what"] == "begins"]
        later = [each for each in begun if each["pid"] != victim]
        if later:
            self.resumed_s.append(later[0]["at"] - hit)
        self.redone += redone(self._written(run_id)[0], later)
        with self.installation.application() as application:
            history = application.storage.history
            for artifact in history.artifacts_of(run_id):
                try:
                    history.message_of(run_id, artifact.artifact_id)
                except WaivernError:
                    self.unreadable += 1


def redone(rows: Sequence[Any], later: Sequence[Any]) -> int:
    """Artifacts that were made by the first worker, as the epoch says that stands at them, and begun by another."""
    first_epoch = 1
    made_first = {row.artifact_id for row in rows if row.epoch == first_epoch}
    return sum(each["name"] in made_first for each in later)


def chain(installation: Installation) -> Any:
    artifacts: dict[str, Any] = {"a0": {"seconds": 0.03}}
    for number in range(1, _ARTIFACTS):
        artifacts[f"a{number}"] = {"seconds": 0.03, "inputs": [f"a{number - 1}"]}
    return installation.runbook("chain", artifacts)


def series(database: str, *, kills: int = 0, stops: int = 0) -> Sequence[object]:
    with installation_on(database, lease_s=_STOP_LEASE_S if stops else 30.0) as installation:
        services = [installation.start("serve", "--workers", "1") for _ in range(2)]
        torment = Torment(installation, chain(installation), services)
        try:
            for service in services:
                installation.wait_until_serving(service)
            for number in range(kills):
                torment.kill(with_service=bool(number % 2))
            for _ in range(stops):
                torment.stop()
        finally:
            for service in torment.services:
                stop(service)
    resumed = middle_and_worst(torment.resumed_s) if torment.resumed_s else ("-", "-", "-")
    wrong = (torment.redone, torment.unreadable)
    stopped = (torment.late_writes, torment.went_on, torment.held_the_lock) if stops else ()
    return (database, kills + stops, len(torment.resumed_s), *resumed, *wrong, *stopped)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    stops = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    header = ("database", "signals", "taken over", "median s", "p99 s", "worst s", "redone", "unreadable")
    rows = [series(database, kills=kills) for database in DATABASES if kills]
    print_table("Worker killed at a random point, every other time with its service (lease 30 s)", header, rows)
    rows = [series(database, stops=stops) for database in DATABASES if stops]
    further = ("late writes", "went on when woken", "held the lock")
    print_table(
        f"Worker and service stopped, woken after the takeover (lease {_STOP_LEASE_S:g} s)", header + further, rows
    )


if __name__ == "__main__":
    main()
