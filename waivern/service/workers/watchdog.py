"""A run process watches itself: it sends heartbeats, and ends if the service can no longer end it."""

import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from waivern.processes import children

_DEADLINE_GRACE_S = 1.2  # after the deadline; a service that is alive kills the process earlier
_HANGING_AFTER_HEARTBEATS = 16  # two leases; a service that is alive kills the process after one

IsLost = Callable[[], bool]


class Watchdog:
    """A thread that sends heartbeats, which show that the process is not stopped and does not hang as a whole.

    If the service is gone, it ends the process when the run was cancelled or taken over, even while a component hangs.
    Past the run's deadline, or if this thread itself was blocked for two leases, `faulthandler` ends the process: its
    timer needs no lock of the interpreter, which a component in C may hold.

    Args:
        heartbeat: Holds the time of the last heartbeat, by `time.monotonic`; the service reads it.
        heartbeat_s: Seconds between heartbeats.
        connection: Its other end is closed when the service is gone.
    """

    def __init__(self, heartbeat: Any, heartbeat_s: float, connection: Connection) -> None:
        self._heartbeat = heartbeat
        self._heartbeat_s = heartbeat_s
        self._connection = connection
        self._lock = threading.Lock()
        self._is_lost: IsLost | None = None
        self._deadline: float | None = None
        self._devnull = Path(os.devnull).open("w", encoding="ascii")  # noqa: SIM115  open while the process lives
        threading.Thread(target=self._run, name="waivern-heartbeat", daemon=True).start()

    @contextmanager
    def watching(self, is_lost: IsLost) -> Iterator[None]:
        """Watch a run within the block; `is_lost` returns whether it no longer belongs to this process."""
        with self._lock:
            self._is_lost = is_lost
            self._arm()
        try:
            yield
        finally:
            with self._lock:
                self._is_lost = self._deadline = None
                faulthandler.cancel_dump_traceback_later()

    def set_limit(self, timeout_s: float) -> None:
        """End the process if the run is not closed `timeout_s` seconds from now."""
        with self._lock:
            self._deadline = time.monotonic() + timeout_s + _DEADLINE_GRACE_S
            self._arm()

    def clear_limit(self) -> None:
        """Lift the limit: the run was closed in time, and its conclusion may take longer."""
        with self._lock:
            self._deadline = None
            self._arm()

    def _run(self) -> None:
        while True:
            self._heartbeat.value = time.monotonic()
            with self._lock:
                is_lost = self._is_lost
                if is_lost is not None:
                    self._arm()
            if is_lost is not None and self._is_orphaned() and is_lost():
                children.end_other_than_kept()
                os._exit(1)
            time.sleep(self._heartbeat_s)

    def _arm(self) -> None:
        timeout_s = _HANGING_AFTER_HEARTBEATS * self._heartbeat_s
        if self._deadline is not None:
            timeout_s = max(min(timeout_s, self._deadline - time.monotonic()), 0.001)
        faulthandler.dump_traceback_later(timeout_s, exit=True, file=self._devnull)

    def _is_orphaned(self) -> bool:
        """Return whether the service is gone: it sends nothing during a run, so only the end of file is readable."""
        with suppress(OSError):
            return self._connection.poll()
        return True
