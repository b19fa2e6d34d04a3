"""Which run this process makes, for whoever logs a line meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class RunMark:
    """The run that log lines belong to, and its schedule's name."""

    run_id: str
    schedule: str | None = None


# One for the whole process, not a context variable: a process makes one run at a time, and the threads in which its
# components work have contexts of their own, which know nothing of the one that started them.
_marks: list[RunMark] = []


@contextmanager
def marked(run_id: str, schedule: str | None = None) -> Iterator[None]:
    """Let what is logged within the block, in any thread, belong to the run."""
    mark = RunMark(run_id, schedule)
    _marks.append(mark)
    try:
        yield
    finally:
        _marks.remove(mark)


def current_run() -> RunMark | None:
    """Return the run that is being made, or None between runs."""
    return _marks[-1] if _marks else None
