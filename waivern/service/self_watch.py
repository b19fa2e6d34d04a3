"""What a process of runs sees to by itself: signs of life, and its own end where nobody else would end it."""

import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_LAST_RESORT_S = 1.2  # after the deadline; the service ends the process before, where it is there
_STUCK_AFTER_BEATS = 16  # two leases; after one of them the service ends it

IsLost = Callable[[], bool]


class SelfWatch:
    """A thread that shows that the process is not stopped or stuck as a whole.

    Where the service is gone, it ends a process whose run was cancelled or is another's, also while a component hangs.
    The process ends from a thread that needs no lock of the interpreter when its run is over its deadline, or when
    this thread itself got no turn for two leases.

    Args:
        beat: Holds the instant of the last sign of life, by `time.monotonic`; the service reads it.
        beat_s: How often it gives one, in seconds.
        connection: The service's end of it is closed when the service is gone.
    """

    def __init__(self, beat: Any, beat_s: float, connection: Connection) -> None:
        self._beat = beat
        self._beat_s = beat_s
        self._connection = connection
        self._lock = threading.Lock()
        self._is_lost: IsLost | None = None
        self._end_at: float | None = None
        self._nowhere = Path(os.devnull).open("w", encoding="ascii")  # noqa: SIM115  as long as the process lives
        threading.Thread(target=self._run, name="waivern-beat", daemon=True).start()

    @contextmanager
    def over_run(self, is_lost: IsLost) -> Iterator[None]:
        """Watch over a run within the block; `is_lost` says whether it is no longer this process's."""
        with self._lock:
            self._is_lost = is_lost
            self._arm()
        try:
            yield
        finally:
            with self._lock:
                self._is_lost = self._end_at = None
                faulthandler.cancel_dump_traceback_later()

    def limit(self, timeout_s: float) -> None:
        """Give the run so many seconds from now on."""
        with self._lock:
            self._end_at = time.monotonic() + timeout_s + _LAST_RESORT_S
            self._arm()

    def lift_limit(self) -> None:
        """Let the run have ended in time: what is still to do may take longer."""
        with self._lock:
            self._end_at = None
            self._arm()

    def _run(self) -> None:
        while True:
            self._beat.value = time.monotonic()
            with self._lock:
                is_lost = self._is_lost
                if is_lost is not None:
                    self._arm()
            if is_lost is not None and self._is_alone() and is_lost():
                os._exit(1)
            time.sleep(self._beat_s)

    def _arm(self) -> None:
        wait_s = _STUCK_AFTER_BEATS * self._beat_s
        if self._end_at is not None:
            wait_s = max(min(wait_s, self._end_at - time.monotonic()), 0.001)
        faulthandler.dump_traceback_later(wait_s, exit=True, file=self._nowhere)

    def _is_alone(self) -> bool:
        """During a run the service says nothing, so all that can be there to read is that it is gone."""
        with suppress(OSError):
            return self._connection.poll()
        return True
