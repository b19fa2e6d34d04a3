"""Logging to standard error, with secrets redacted and control characters escaped.

Every command imports this module, even `--help`, so it imports what only formatting needs when it formats.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from waivern.escaping import json_text, lines
from waivern.runs.run_context import current_run

logger = logging.getLogger(__name__)

_SHOWN_BY_PROGRESS = "waivern.runs.executor"


def log_to_standard_error(
    level: str, *, log_format: str = "text", redact: Callable[[str], str], has_progress: bool = True
) -> None:
    """Send log records to standard error.

    Args:
        level: The lowest level that is written.
        log_format: "text" or "json".
        redact: Removes resolved values of `${NAME}` from a text.
        has_progress: Whether a progress display already shows failed artifacts.
    """
    handler = _StandardErrorHandler()
    handler.setFormatter(_JsonFormatter(redact) if log_format == "json" else _TextFormatter(redact))
    if has_progress and log_format == "text":
        handler.addFilter(_not_shown_by_progress)
    root = logging.getLogger()
    for installed in [handler for handler in root.handlers if isinstance(handler, _StandardErrorHandler)]:
        root.removeHandler(installed)
    root.addHandler(handler)
    root.setLevel(level)


def log_uncaught_exceptions() -> None:
    """Log exceptions that end a thread or come from a finaliser: Python itself would print them with all secrets."""
    threading.excepthook = _log_thread_exception
    sys.unraisablehook = _log_unraisable


def _log_thread_exception(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_type is not SystemExit and uncaught.exc_value is not None:
        name = "unknown" if uncaught.thread is None else uncaught.thread.name
        logger.error("The thread %s ended with an exception", name, exc_info=uncaught.exc_value)


def _log_unraisable(ignored: "sys.UnraisableHookArgs") -> None:
    text = ignored.err_msg or "Exception ignored in"
    logger.error("%s: %s", text, type(ignored.object).__qualname__, exc_info=ignored.exc_value)


class _StandardErrorHandler(logging.StreamHandler[Any]):
    """Writes to the current `sys.stderr`, which a live display replaces while it is shown."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        """Ignore the assignment: the stream is always the current standard error."""


class _TextFormatter(logging.Formatter):
    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(run_suffix)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        from waivern.runs.run import short_id

        run_id, _ = _run_of(record)
        record.run_suffix = f" [{short_id(run_id)}]" if run_id else ""
        # Lines after the first are indented, so that no text that is logged can look like a record of its own.
        return lines(self._redact(super().format(record))).replace("\n", "\n  ")


class _JsonFormatter(logging.Formatter):
    """One JSON object per line with the keys at, level, logger, message, run_id, schedule and error."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        import json

        run_id, schedule = _run_of(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
        fields = {
            "at": f"{at}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": self._redact(record.getMessage()),
            "run_id": run_id,
            "schedule": schedule,
            "error": self._redact(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json_text(json.dumps({key: value for key, value in fields.items() if value is not None}))


def _run_of(record: logging.LogRecord) -> tuple[str | None, str | None]:
    """Return the run ID and schedule of a record: its own, else those of the current run."""
    run = current_run()
    run_id: str | None = getattr(record, "run_id", None) or (run.run_id if run is not None else None)
    schedule: str | None = getattr(record, "schedule", None) or (run.schedule if run is not None else None)
    return run_id, schedule


def _not_shown_by_progress(record: logging.LogRecord) -> bool:
    """Drop what the progress display and the summary already show, unless debugging."""
    return record.name != _SHOWN_BY_PROGRESS or logging.getLogger().level < logging.WARNING
