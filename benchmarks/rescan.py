"""Measure what a second scan of the same files costs, on SQLite and Postgres.

`python -m benchmarks.rescan [--megabytes 100] [--files 5000]`

CPU is that of `waivern run`, without that of a run of one small file. Each run is compared with the first one.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import sqlalchemy as sa

from benchmarks.corpus import code_line, insert_line, prose_line
from benchmarks.databases import bytes_in, postgres, sqlite
from benchmarks.measuring import print_table

_KINDS = ((code_line, "py"), (prose_line, "txt"), (insert_line, "sql"))
_ADDED = _REMOVED = 20
_MAX_UNCHANGED, _MAX_CHANGED, _MAX_NEW_BYTES = 0.02, 0.04, 0.03
_RUNBOOK = """
name: Rescan
description: Files
artifacts:
  files: {{source: {{type: filesystem, properties: {{path: {folder}}}}}}}
  found: {{inputs: files, process: {{type: personal_data}}}}
"""


def write_file(folder: Path, number: int, size: int, seed: int) -> None:
    """Write a file of about `size` characters."""
    rng = random.Random(f"{number} {seed}")
    line, ending = _KINDS[number % len(_KINDS)]
    lines, length = [], 0
    while length < size:
        lines.append(line(rng))
        length += len(lines[-1]) + 1
    (folder / f"{number}.{ending}").write_text("\n".join(lines), encoding="utf-8")


def change(folder: Path, files: int, size: int) -> None:
    """Change 1 % of the files, remove some and add as many."""
    rng = random.Random(1)
    chosen = rng.sample(range(files), files // 100 + _REMOVED)
    for number in chosen[_REMOVED:]:
        write_file(folder, number, size, seed=2)
    for number in chosen[:_REMOVED]:
        (folder / f"{number}.{_KINDS[number % len(_KINDS)][1]}").unlink()
    for number in range(files, files + _ADDED):
        write_file(folder, number, size, seed=1)


def run(url: str, runbook: Path) -> float:
    """Run a runbook; return the CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "waivern", "run", "--quiet", str(runbook)],
        check=True,
        env={**os.environ, "WAIVERN_DATABASE_URL": url},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(engine: sa.Engine, work: Path, files: int, size: int) -> list[list[object]]:
    """Return rows of (run, CPU seconds, ratio, new bytes, ratio)."""
    folder, small = work / "files", work / "small"
    for path in (folder, small):
        path.mkdir()
        (work / f"{path.name}.yaml").write_text(_RUNBOOK.format(folder=path))
    (small / "one.txt").write_text("one small file")
    for number in range(files):
        write_file(folder, number, size, seed=1)
    url = engine.url.render_as_string(hide_password=False)
    run(url, work / "small.yaml")
    base = min(run(url, work / "small.yaml") for _ in range(3))
    rows: list[list[object]] = []
    first = first_bytes = 0.0
    for name in ("first", "unchanged", "1 % changed"):
        if name == "1 % changed":
            change(folder, files, size)
        stored = bytes_in(engine)
        cpu, new = max(0.0, run(url, work / "files.yaml") - base), bytes_in(engine) - stored
        first, first_bytes = first or cpu, first_bytes or new
        rows.append([name, cpu, cpu / first, new, new / first_bytes])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--database", choices=["SQLite", "Postgres"])
    arguments = parser.parse_args()
    databases: dict[str, Callable[[], AbstractContextManager[sa.Engine]]] = {
        "SQLite": lambda: sqlite("FULL"),
        "Postgres": postgres,
    }
    for name, open_database in databases.items():
        if arguments.database not in (None, name):
            continue
        with open_database() as engine, tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as folder:
            size = int(arguments.megabytes * 1_000_000 / arguments.files)
            rows = measure(engine, Path(folder), arguments.files, size)
        bars = {"unchanged": f"<= {_MAX_UNCHANGED}", "1 % changed": f"<= {_MAX_CHANGED}, bytes <= {_MAX_NEW_BYTES}"}
        print_table(
            f"{name}: {arguments.megabytes:g} MB in {arguments.files:,} files",
            ("run", "CPU s", "ratio", "new bytes", "ratio", "bar"),
            [[*row, bars.get(str(row[0]), "")] for row in rows],
        )


if __name__ == "__main__":
    main()
