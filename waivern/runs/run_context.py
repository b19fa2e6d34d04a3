"""The run that this process executes, for its log lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class RunContext(NamedTuple):
    """The run that log lines belong to, and the name of its schedule."""

    run_id: str
    schedule: str | None = None


# One stack per process instead of a context variable: a process executes one run at a time, and the threads of its
# components have their own contexts, which do not inherit the context of the thread that started them.
_contexts: list[RunContext] = []


@contextmanager
def run_context(run_id: str, schedule: str | None = None) -> Iterator[None]:
    """Mark all log lines within the block, from any thread, with the run."""
    context = RunContext(run_id, schedule)
    _contexts.append(context)
    try:
        yield
    finally:
        _contexts.remove(context)


def current_run() -> RunContext | None:
    """Return the run that is being executed, or None."""
    return _contexts[-1] if _contexts else None
