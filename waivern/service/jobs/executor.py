"""An APScheduler executor whose threads do not keep the process alive."""

import threading
import time
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job


class DaemonThreadExecutor(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Runs each job in a daemon thread of its own, so that a slow job delays no other.

    The threads of APScheduler's own pool are joined when the interpreter exits: a stopping service would
    wait for a webhook that does not answer. The number of threads is bounded, as no job runs twice at the same time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads: set[threading.Thread] = set()

    def join(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` seconds for the jobs that are running."""
        deadline = time.monotonic() + timeout_s
        for thread in list(self._threads):
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _do_submit_job(self, job: Any, run_times: list[Any]) -> None:
        thread = threading.Thread(target=self._run, args=(job, run_times), name=f"waivern-{job.name}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, job: Any, run_times: list[Any]) -> None:
        try:
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # an error becomes an event
            self._run_job_success(job.id, events)
        finally:
            self._threads.discard(threading.current_thread())
