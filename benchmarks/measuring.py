"""Measure the time of a function, and print tables of results."""

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Medians of several calls, in seconds."""

    wall_s: float
    cpu_s: float


def measured(work: Callable[[], object], *, times: int = 5) -> Measured:
    """Call `work` once to warm up, then measure `times` calls."""
    work()
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Measured(statistics.median(walls), statistics.median(cpus))


def peak_memory_mb() -> float:
    """Return the peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header, with numbers right-aligned."""
    texts = [[_cell_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(header), *texts]) for column in range(len(header))]
    print(f"\n{title}")
    print("  ".join(f"{name:<{width}}" for name, width in zip(header, widths, strict=True)).rstrip())
    for row, line in zip(rows, texts, strict=True):
        cells = [
            f"{text:>{width}}" if isinstance(cell, (int, float)) else f"{text:<{width}}"
            for cell, text, width in zip(row, line, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _cell_text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
