"""A process of `waivern serve` or `waivern worker`, from start to shutdown."""

import functools
import logging
import signal
import threading
import time as time_module
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from waivern import __version__
from waivern.caller import Caller
from waivern.errors import DatabaseUnavailableError
from waivern.operations.application import Application
from waivern.processes import guard
from waivern.runs.service_store import HEARTBEAT_S, Status
from waivern.service.database_watch import RETRY_S, DatabaseWatch
from waivern.service.health import Health, HealthProblem
from waivern.service.jobs.background_jobs import BackgroundJobs, PeriodicTask
from waivern.service.metrics import ServiceMetrics
from waivern.service.nightly_pruning import prune_if_due
from waivern.service.notifications.notifier import Notifier
from waivern.service.runbook_folder import RunbookFolder
from waivern.service.scheduler import Scheduler
from waivern.service.workers.pool import WorkerPool
from waivern.service.workers.run_process import MakeApplication

logger = logging.getLogger(__name__)

_UNHEALTHY_AFTER_S = 20.0  # with the interval of the heartbeat that notices, less than 30 seconds
_MIN_FREE_BYTES = 16 << 20
_DISK_INTERVAL_S = 5.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SIGNAL_INTERVAL_S = 0.5
_FOLDER_INTERVAL_S = 1.0
_NOTIFICATIONS_INTERVAL_S = 1.0
_PRUNING_INTERVAL_S = 30.0


@dataclass(frozen=True)
class ServiceOptions:
    """What a service does.

    Args:
        has_scheduler: Whether it queues runs when they are due.
        workers: How many runs it executes at a time; 0: none.
        runbooks: A folder of runbooks whose `schedule:` it follows.
        drain_s: Seconds that runs get to finish at shutdown, before they are released to the queue.
        metrics_host: The address to which `/healthz` and `/metrics` are bound.
        metrics_port: Their port; 0 means any free one, None that they are not served.
        prune_at: The time of day (UTC) at which content past its retention is deleted; None: never.
        runs_hook_commands: Whether it runs the hook commands that the installation allows.
    """

    has_scheduler: bool
    workers: int
    runbooks: Path | None = None
    drain_s: float = 30.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    prune_at: time | None = None
    runs_hook_commands: bool = True


class Service:
    """Starts what the options ask for, and stops it in order.

    Args:
        application: What is installed.
        caller: Who the service is, for the audit log.
        make_application: Sets up the processes in which runs are executed.
        options: What it does.
    """

    def __init__(
        self,
        application: Application,
        *,
        caller: Caller,
        make_application: MakeApplication,
        options: ServiceOptions,
    ) -> None:
        self._application = application
        self._caller = caller
        self._make_application = make_application
        self._options = options
        self._metrics = ServiceMetrics()
        self._health = Health()
        self._database = DatabaseWatch(self._metrics)
        self._jobs = BackgroundJobs(self._database, self._health)
        self._stop_requested = threading.Event()
        self._stop_now_requested = threading.Event()
        self._service_id = ""
        self._heartbeat_at = 0.0
        self._has_started = False
        self._scheduler: Scheduler | None = None
        self._workers: WorkerPool | None = None

    def run(self, *, started: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP, then drain; a second signal releases all runs and stops at once.

        `started` is called when everything has started.

        Raises:
            DatabaseError: the database can be reached but not used, for example because its schema is out of date.
        """
        guard.current().start()  # it also removes what earlier services have left behind
        with self._signals():
            self._start_monitor()
            if not self._wait_for_database():
                return
            self._start()
            started()
            self._wait_for_stop_signal()
            self._shut_down()

    def problems(self) -> Sequence[HealthProblem]:
        """Return what is wrong with this process; nothing if it is healthy."""
        return [*map(HealthProblem, self._unavailable_parts()), *self._health.problems()]

    def _unavailable_parts(self) -> Sequence[str]:
        found = [] if self._has_started else ["the service waits for its database"]
        if self._workers is not None and not self._workers.thread.is_alive():
            found.append("the thread of the workers has ended")
        if self._jobs.stalled_s > _UNHEALTHY_AFTER_S:
            found.append(f"no schedule or periodic task has been started for {self._jobs.stalled_s:.0f} s")
        if self._has_started and self._database.unavailable_s > _UNHEALTHY_AFTER_S:
            found.append(f"the database has not answered for {self._database.unavailable_s:.0f} s")
        silent_s = time_module.monotonic() - self._heartbeat_at
        if self._has_started and silent_s > _UNHEALTHY_AFTER_S:
            found.append(f"no heartbeat of this service has been recorded for {silent_s:.0f} s")
        return found

    def _wait_for_stop_signal(self) -> None:
        """Wait with a timeout: the kernel may let another thread receive a signal, which does not wake this one.

        Python only notes the signal there, and calls its handler when the main thread runs again.
        """
        while not self._stop_requested.wait(_SIGNAL_INTERVAL_S):
            continue

    def _check_disk(self) -> None:
        free = self._application.storage.services.free_bytes()
        if free is not None and free < _MIN_FREE_BYTES:
            problem = f"the disk of the database is full: {free / 1e6:.1f} MB are free"
            if self._health.report("disk", "database", problem):
                logger.error("Free disk space: %s", problem)
        else:
            self._health.clear("disk", "database")

    def _wait_for_database(self) -> bool:
        """Open the database as soon as it answers; return False if the service is stopped before."""
        while not self._stop_requested.is_set():
            try:
                self._application.storage  # noqa: B018  reading the property opens the database
            except DatabaseUnavailableError as error:
                self._database.failed("start", error)
                self._stop_requested.wait(RETRY_S)
            else:
                self._database.answered("start")
                return True
        return False

    def _start(self) -> None:
        storage, options = self._application.storage, self._options
        if options.workers:
            self._workers = WorkerPool(
                storage.runs,
                number=options.workers,
                make_application=self._make_application,
                caller=self._caller,
                database=self._database,
                metrics=self._metrics,
                health=self._health,
            )
            self._workers.start()
        if options.has_scheduler:
            on_queued = self._workers.wake if self._workers is not None else lambda: None
            self._scheduler = Scheduler(
                storage.schedules,
                self._jobs,
                on_queued=on_queued,
                metrics=self._metrics,
                health=self._health,
                caller=self._caller,
            )
            self._scheduler.start()
        for task in self._periodic_tasks():
            self._jobs.add_task(task)
        self._heartbeat_at = time_module.monotonic()
        self._jobs.start()
        self._has_started = True

    def _start_monitor(self) -> None:
        """Start it before anything else, so that a service that waits for its database can say so."""
        host, port = self._options.metrics_host, self._options.metrics_port
        if port is None:
            return
        from waivern.service.monitoring import Monitor

        monitor = Monitor(read_status=self._status, metrics=self._metrics, find_problems=self.problems)
        bound_port = monitor.start(host, port)
        shown_host = f"[{host}]" if ":" in host else host
        logger.warning("Health on http://%s:%d/healthz, metrics on /metrics", shown_host, bound_port)

    def _status(self) -> Status:
        if not self._has_started:
            raise DatabaseUnavailableError("The service waits for its database")
        return self._application.storage.services.status()

    def _periodic_tasks(self) -> Iterator[PeriodicTask]:
        application, options = self._application, self._options
        yield PeriodicTask("heartbeat", HEARTBEAT_S, self._heartbeat)
        yield PeriodicTask("disk", _DISK_INTERVAL_S, self._check_disk)
        if options.runbooks is not None:
            folder = RunbookFolder(application, options.runbooks, caller=self._caller, health=self._health)
            yield PeriodicTask("runbook folder", _FOLDER_INTERVAL_S, folder.sync_if_changed)
        if options.has_scheduler:
            notifier = Notifier(
                application, jobs=self._jobs, metrics=self._metrics, runs_hook_commands=options.runs_hook_commands
            )
            yield PeriodicTask("notifications", _NOTIFICATIONS_INTERVAL_S, notifier.deliver_due)
        if options.prune_at is not None:
            prune = functools.partial(
                prune_if_due, application, at=options.prune_at, caller=self._caller, health=self._health
            )
            yield PeriodicTask("pruning", _PRUNING_INTERVAL_S, prune)

    def _heartbeat(self) -> None:
        """Register at first, and again if the entry was deleted, as after the machine has slept for a day."""
        services, options = self._application.storage.services, self._options
        if not self._service_id or not services.heartbeat(self._service_id):
            kind = "serve" if options.has_scheduler else "worker"
            self._service_id = services.register(kind=kind, workers=options.workers, version=__version__)
        self._heartbeat_at = time_module.monotonic()

    def _shut_down(self) -> None:
        logger.warning("Stopping: no new runs are started, running ones have %.0f s to finish", self._options.drain_s)
        if self._scheduler is not None:
            self._scheduler.stop()
        if self._workers is not None:
            self._drain(self._workers)
        self._jobs.stop()
        with suppress(DatabaseUnavailableError):
            self._application.storage.services.deregister(self._service_id)
        logger.warning("Stopped")

    def _drain(self, workers: WorkerPool) -> None:
        workers.drain(0.0 if self._stop_now_requested.is_set() else self._options.drain_s)
        while workers.thread.is_alive():
            workers.thread.join(timeout=0.2)
            if self._stop_now_requested.is_set():
                workers.drain(0.0)
                workers.thread.join()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as by nohup
        before = [signal.signal(number, self._on_stop_signal) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _on_stop_signal(self, _number: int, _frame: object) -> None:
        if self._stop_requested.is_set():
            self._stop_now_requested.set()
        self._stop_requested.set()
