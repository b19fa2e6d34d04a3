"""One process of the service: a clock, workers, or both, from start to shutdown."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from waivern import __version__
from waivern.caller import Caller
from waivern.errors import DatabaseUnavailableError
from waivern.operations.application import Application
from waivern.runs.service_register import SIGN_OF_LIFE_S, Status
from waivern.service.clock import Clock
from waivern.service.database_watch import AWAY_S, DatabaseWatch
from waivern.service.housekeeping import Chore, Housekeeping
from waivern.service.notifying import Notifier
from waivern.service.pruning import NightlyPruning
from waivern.service.run_process import MakeApplication
from waivern.service.tally import Tally
from waivern.service.watched_folder import WatchedFolder
from waivern.service.workers import Workers

logger = logging.getLogger(__name__)

_UNWELL_AFTER_S = 30.0
_AT_ONCE_S = 0.0
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FOLDER_S = 1.0
_NOTICES_S = 1.0
_PRUNING_S = 30.0


@dataclass(frozen=True)
class ServiceOptions:
    """What a service does.

    Args:
        keeps_time: Whether it decides what is due.
        workers: How many runs it makes at a time; 0: none.
        runbooks: A folder whose runbooks' `schedule:` it follows.
        drain_s: Seconds that runs are given to end at a shutdown, before they are handed back to the queue.
        metrics_host: The address that `/healthz` and `/metrics` are bound to.
        metrics_port: Their port; 0 means any free one, None that there are none.
        prune_at: When what need not be kept is let go of each day, in UTC; None: never.
    """

    keeps_time: bool
    workers: int
    runbooks: Path | None = None
    drain_s: float = 30.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    prune_at: time | None = None


class Service:
    """Starts what the options ask for, and ends it in order.

    Args:
        application: What is installed.
        caller: The service, for the audit log.
        make_application: Sets up the processes that runs are made in.
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
        self._tally = Tally()
        self._stopping = threading.Event()
        self._at_once = threading.Event()
        self._service_id = ""
        self._has_begun = False
        self._clock: Clock | None = None
        self._workers: Workers | None = None
        self._housekeeping: Housekeeping | None = None

    def run(self, *, started: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second one hands all runs back and ends at once.

        `started` is called when everything is at work.

        Raises:
            DatabaseError: the database can be reached and cannot be used, as one that is out of date.
        """
        with self._signals():
            self._start_monitor()
            if not self._wait_for_database():
                return
            self._start()
            started()
            self._stopping.wait()
            self._shut_down()

    def complaints(self) -> Sequence[str]:
        """Say what is not well with it; nothing where all is."""
        found = [] if self._has_begun else ["the service waits for its database"]
        parts = (("clock", self._clock), ("workers", self._workers), ("housekeeping", self._housekeeping))
        for name, part in parts:
            if part is not None and not part.thread.is_alive():
                found.append(f"the thread of the {name} has ended")
            elif part is not None and part.database.away_s > _UNWELL_AFTER_S:
                found.append(f"the {name} could not use the database for {part.database.away_s:.0f} s")
        return found

    def _wait_for_database(self) -> bool:
        """Open the database as soon as it answers; False where the service is stopped before."""
        watch = DatabaseWatch("The service cannot begin", self._tally)
        while not self._stopping.is_set():
            try:
                self._application.storage  # noqa: B018  opening it is what is wanted
            except DatabaseUnavailableError as error:
                watch.failed(error)
                self._stopping.wait(AWAY_S)
            else:
                watch.answered()
                return True
        return False

    def _start(self) -> None:
        storage, options = self._application.storage, self._options
        if options.workers:
            self._workers = Workers(
                storage.runs,
                number=options.workers,
                make_application=self._make_application,
                tally=self._tally,
                caller=self._caller,
            )
            self._workers.start()
        if options.keeps_time:
            queued = self._workers.wake if self._workers is not None else lambda: None
            self._clock = Clock(storage.schedules, queued=queued, tally=self._tally)
            self._clock.start()
        self._housekeeping = Housekeeping(self._chores(), tally=self._tally)
        self._housekeeping.start()
        self._has_begun = True

    def _start_monitor(self) -> None:
        """Before anything else: that the service waits for its database is what somebody wants to be told."""
        host, port = self._options.metrics_host, self._options.metrics_port
        if port is None:
            return
        from waivern.service.monitoring import Monitor

        monitor = Monitor(read_status=self._status, tally=self._tally, service_is_well=self.complaints)
        bound = monitor.start(host, port)
        shown = f"[{host}]" if ":" in host else host
        logger.warning("Health on http://%s:%d/healthz, metrics on /metrics", shown, bound)

    def _status(self) -> Status:
        if not self._has_begun:
            raise DatabaseUnavailableError("The service waits for its database")
        return self._application.storage.services.status()

    def _chores(self) -> Sequence[Chore]:
        chores = [Chore("a sign of life", SIGN_OF_LIFE_S, self._give_sign_of_life)]
        if self._options.runbooks is not None:
            chores.append(
                Chore(
                    "the folder of runbooks", _FOLDER_S, WatchedFolder(self._application, self._options.runbooks).look
                )
            )
        if self._options.keeps_time:
            chores.append(Chore("notices", _NOTICES_S, Notifier(self._application, tally=self._tally).deliver_due))
        if self._options.prune_at is not None:
            pruning = NightlyPruning(self._application, at=self._options.prune_at)
            chores.append(Chore("pruning", _PRUNING_S, pruning.look))
        return chores

    def _give_sign_of_life(self) -> None:
        """The first is an introduction; so is one after the machine has slept for longer than others remember."""
        services, options = self._application.storage.services, self._options
        if not self._service_id or not services.give_sign_of_life(self._service_id):
            kind = "serve" if options.keeps_time else "worker"
            self._service_id = services.appear(kind=kind, workers=options.workers, version=__version__)

    def _shut_down(self) -> None:
        logger.warning("Stopping: nothing new is begun, runs have %.0f s to end", self._options.drain_s)
        if self._clock is not None:
            self._clock.stop()
        if self._workers is not None:
            self._workers.drain(_AT_ONCE_S if self._at_once.is_set() else self._options.drain_s)
            while self._workers.thread.is_alive():
                self._workers.thread.join(timeout=0.2)
                if self._at_once.is_set():
                    self._workers.drain(_AT_ONCE_S)
                    self._workers.thread.join()
        if self._housekeeping is not None:
            self._housekeeping.stop()
        with suppress(DatabaseUnavailableError):
            self._application.storage.services.leave(self._service_id)
        logger.warning("Stopped")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = [each for each in _STOPS if signal.getsignal(each) is not signal.SIG_IGN]  # `nohup` means it
        before = [signal.signal(number, self._asked_to_stop) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _asked_to_stop(self, _number: int, _frame: object) -> None:
        if self._stopping.is_set():
            self._at_once.set()
        self._stopping.set()
