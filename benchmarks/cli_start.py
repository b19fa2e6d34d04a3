"""Start-up cost: the CPU time of whole processes, relative to a bare interpreter.

`python -m benchmarks.cli_start`
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.databases import sqlite
from benchmarks.executor import chain, on_database
from benchmarks.measuring import print_table
from waivern.testing.builders import plan_of_dag

TIMES = 9


def cpu_ms(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the CPU time of one process in ms, as reported by the operating system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def median_cpu_ms(command: Sequence[str], environment: dict[str, str]) -> float:
    return statistics.median([cpu_ms(command, environment) for _ in range(TIMES + 1)][1:])


def main() -> None:
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


if __name__ == "__main__":
    main()
