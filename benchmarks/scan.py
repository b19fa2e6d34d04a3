"""A complete `waivern run` over a folder of mixed text, in one process: MB per CPU second and peak memory.

`python -m benchmarks.scan [--megabytes 10 100] [--not-ascii] [--times 3]`: one row per size, in millions of bytes.
With `--not-ascii`, every second file has characters beyond Latin-1, for which Python needs twice the memory.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.corpus import messages
from benchmarks.measuring import print_table

BATCH_MB = 20.0
RUNBOOK = """
name: Scan
description: A folder of mixed text
artifacts:
  files: {source: {type: filesystem, properties: {path: ./corpus}}}
  personal_data: {inputs: files, process: {type: personal_data}}
"""


def write_corpus(folder: Path, megabytes: float, not_ascii: bool) -> float:
    """Write code, prose and rows (as CSV files of a thousand rows) and return the total size in MB."""
    size = written = 0
    while (remaining := megabytes - size / 1e6) > 0.1 or not written:
        subfolder = folder / f"part_{written}"
        size += sum(
            _write(subfolder / name, _beyond_latin_1(text) if not_ascii and number % 2 else text)
            for number, (name, text) in enumerate(_files(min(remaining, BATCH_MB), seed=written))
        )
        written += 1
    return size / 1e6


def _files(megabytes: float, *, seed: int) -> Iterator[tuple[str, str]]:
    rows: list[str] = []
    for entry in messages(megabytes, seed=seed)[0].content["data"]:
        name = entry["metadata"].get("file_path")
        if name is None:
            rows.append(entry["content"])
        else:
            yield name, entry["content"]
    for number in range(0, len(rows), 5000):
        yield f"exports/rows_{number}.csv", "\n".join(rows[number : number + 5000])


def _beyond_latin_1(text: str) -> str:
    return text.replace(" the ", " \u2013 the ").replace("ee", "\u00e9e")


def _write(path: Path, text: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(text.encode())


def run(folder: Path) -> tuple[float, float, float]:
    """Run the runbook in a separate process and return its CPU s, wall s and peak MB."""
    environment = {**os.environ, "WAIVERN_DATABASE_URL": f"sqlite:///{folder}/waivern.db"}
    command = [sys.executable, "-m", "waivern", "run", str(folder / "runbook.yaml"), "--quiet"]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss * 1024 / 1e6


def floor(folder: Path) -> float:
    """Return the CPU s for reading and decoding every file, and nothing else."""
    before = time.process_time()
    for path in folder.rglob("*"):
        if path.is_file():
            path.read_bytes().decode()
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20.0])
    parser.add_argument("--not-ascii", action="store_true")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    print_table(
        f"waivern run over files, one process each, medians of {arguments.times}, maximum memory",
        (
            "MB",
            "CPU s",
            "of that, start",
            "wall s",
            "MB / CPU s",
            "MB / s",
            "x reading alone",
            "peak MB",
            "of that, start",
        ),
        [_row(megabytes, arguments.times, not_ascii=arguments.not_ascii) for megabytes in arguments.megabytes],
    )


def _row(megabytes: float, times: int, *, not_ascii: bool) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as name:
        folder = Path(name)
        (folder / "runbook.yaml").write_text(RUNBOOK)
        (folder / "corpus").mkdir()
        start_cpu, _, start_mb = run_on_one_small_file(folder)
        size = _write_in_subprocess(folder / "corpus", megabytes, not_ascii)
        cpus, walls, peaks = zip(*(run(folder) for _ in range(times)), strict=True)
        read = floor(folder / "corpus")
    cpu, wall = statistics.median(cpus), statistics.median(walls)
    return [size, cpu, start_cpu, wall, size / cpu, size / wall, cpu / read, max(peaks), start_mb]


def _write_in_subprocess(folder: Path, megabytes: float, not_ascii: bool) -> float:
    """Write the corpus in a subprocess: the peak memory of a child process starts with that of its parent."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(write_corpus, folder, megabytes, not_ascii).result()


def run_on_one_small_file(folder: Path) -> tuple[float, float, float]:
    """Run on one small file, to measure the cost of starting."""
    _write(folder / "corpus" / "nothing.txt", "nothing")
    run(folder)
    return run(folder)


if __name__ == "__main__":
    main()
