"""Log lines on standard error: no secret in them, and nothing that a terminal would act upon."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from waivern.cli.printable import lines

_TOLD_BY_PROGRESS = "waivern.runs.executor"


def log_to_standard_error(level: str, *, redact: Callable[[str], str]) -> None:
    """Write what is logged from `level` on; `redact` keeps values of `${NAME}` out of it."""
    handler = _StandardErrorHandler()
    handler.setFormatter(_CarefulFormatter(redact))
    handler.addFilter(_leaves_out_what_progress_tells)
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _StandardErrorHandler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)


class _StandardErrorHandler(logging.StreamHandler[Any]):
    """Writes to what is standard error now: a live display puts itself in its place for a while."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        """Take no other stream."""


class _CarefulFormatter(logging.Formatter):
    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return lines(self._redact(super().format(record)))


def _leaves_out_what_progress_tells(record: logging.LogRecord) -> bool:
    """Each artifact that fails is told of as it happens, and in the summary: the log need not say it a third time."""
    return record.name != _TOLD_BY_PROGRESS or logging.getLogger().level < logging.WARNING
