"""Ctrl-C during a run: the first closes the run as cancelled, the second ends the process at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from waivern.cli.shell.exit_codes import INCOMPLETE, leave_at_once


class Interrupts:
    """Counts them. What the first one does is left to whoever handles it when the run's event loop is at work."""

    def __init__(self) -> None:
        self._handled_by: Any = None
        self._came_before = False

    def watch(self) -> None:
        """Begin to count; called on the event loop, for it takes the signal for itself when it starts."""
        if self._handled_by is None and threading.current_thread() is threading.main_thread():
            self._handled_by = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._came)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._came_before:
            leave_at_once(INCOMPLETE)
        self._came_before = True
        if callable(self._handled_by):
            self._handled_by(number, frame)

    def forget(self) -> None:
        """Let Ctrl-C mean what it means everywhere."""
        if self._handled_by is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count Ctrl-C within the block, from the first `watch` on."""
    interrupts = Interrupts()
    try:
        yield interrupts
    finally:
        interrupts.forget()
