"""Ctrl-C during a run: the first closes the run as cancelled, the second ends the process at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from waivern.cli.shell.exit_codes import INCOMPLETE, leave_at_once


class Interrupts:
    """Counts SIGINTs; the first is passed on to the handler of the running event loop."""

    def __init__(self) -> None:
        self._previous_handler: Any = None
        self._interrupted_before = False

    def watch(self) -> None:
        """Start counting. Call this on the event loop: asyncio installs its own SIGINT handler when it starts."""
        if self._previous_handler is None and threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted_before:
            leave_at_once(INCOMPLETE)
        self._interrupted_before = True
        if callable(self._previous_handler):
            self._previous_handler(number, frame)

    def restore(self) -> None:
        """Restore the default SIGINT handler."""
        if self._previous_handler is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count SIGINTs within the block, from the first `watch` on."""
    interrupts = Interrupts()
    try:
        yield interrupts
    finally:
        interrupts.restore()
