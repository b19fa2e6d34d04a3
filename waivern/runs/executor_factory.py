"""The executors in which components run."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

ExecutorFactory = Callable[[int], Executor]
"""Creates the `concurrent.futures.Executor` for components, given how many may run at once."""


def thread_pool(max_workers: int) -> Executor:
    """Return the default executor for components: a pool of threads."""
    return ThreadPoolExecutor(max_workers, thread_name_prefix="waivern")
