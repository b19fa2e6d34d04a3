"""Start-up cost: the CPU time of whole processes, relative to a bare interpreter and to another checkout.

`python -m benchmarks.cli_start [--against CHECKOUT]`. `CHECKOUT` is the folder of an earlier version. Its `waivern run`
of one small file and this one's take turns, so that a busy machine slows both down.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.databases import sqlite
from benchmarks.executor import chain, on_database
from benchmarks.measuring import print_table
from waivern.testing.builders import plan_of_dag

TIMES = 9
RUNBOOK = """
name: One small file
description: The cost of starting
artifacts:
  files: {source: {type: filesystem, properties: {path: ./texts}}}
  personal_data: {inputs: files, process: {type: personal_data}}
"""


def cpu_ms(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the CPU time of one process in ms, as reported by the operating system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def median_cpu_ms(command: Sequence[str], environment: dict[str, str]) -> float:
    return statistics.median([cpu_ms(command, environment) for _ in range(TIMES + 1)][1:])


def run_start(folder: Path, against: Path | None) -> list[list[object]]:
    """Run one small file with this checkout, and in turn with another one; the first run of each fills its caches."""
    (folder / "texts").mkdir()
    (folder / "texts" / "note.txt").write_text("Write to anna.keller@example.org, born on 3.4.1980.")
    (folder / "runbook.yaml").write_text(RUNBOOK)
    checkouts = {"this checkout": Path(__file__).parents[1], **({"the other checkout": against} if against else {})}
    costs: dict[str, list[float]] = {name: [] for name in checkouts}
    for _ in range(TIMES + 1):
        for name, checkout in checkouts.items():
            environment = {
                **os.environ,
                "PYTHONPATH": str(checkout),
                "WAIVERN_DATABASE_URL": f"sqlite:///{folder / name.replace(' ', '_')}.db",
                "XDG_CACHE_HOME": str(folder / "cache"),
            }
            command = [sys.executable, "-m", "waivern", "run", str(folder / "runbook.yaml"), "--quiet"]
            costs[name].append(cpu_ms(command, environment))
    ours = costs["this checkout"][1:]
    return [
        [name, statistics.median(cost[1:]), statistics.median([a / b for a, b in zip(ours, cost[1:], strict=True)])]
        for name, cost in costs.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    against = parser.parse_args().against
    waivern = [sys.executable, "-m", "waivern"]
    with sqlite("NORMAL") as engine, tempfile.TemporaryDirectory() as folder:
        for _ in range(20):
            on_database(engine)(plan_of_dag(chain(10)))
        environment = {**os.environ, "WAIVERN_DATABASE_URL": engine.url.render_as_string(), "HOME": folder}
        floor = median_cpu_ms([sys.executable, "-c", "pass"], environment)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "waivern --help": [*waivern, "--help"],
            "waivern --version": [*waivern, "--version"],
            "waivern history": [*waivern, "history"],
            "waivern history show latest": [*waivern, "history", "show", "latest"],
        }
        rows = []
        for name, command in commands.items():
            cpu = median_cpu_ms(command, environment)
            rows.append([name, cpu, cpu / floor])
    print_table(f"CPU time of a whole process (ms, medians of {TIMES})", ("command", "CPU ms", "x bare Python"), rows)
    with tempfile.TemporaryDirectory() as folder:
        rows = run_start(Path(folder), None if against is None else against.absolute())
    print_table(
        f"`waivern run` of one small file (medians of {TIMES})", ("version", "CPU ms", "this one, relative"), rows
    )


if __name__ == "__main__":
    main()
