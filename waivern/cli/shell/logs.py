"""Log lines on standard error: no secret in them, and nothing that a terminal would act upon."""

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from waivern.cli.shell.escaping import json_text, lines
from waivern.runs.current_run import current_run

_TOLD_BY_PROGRESS = "waivern.runs.executor"
_SHORT_ID = 18


def log_to_standard_error(
    level: str, *, form: str = "text", redact: Callable[[str], str], has_progress: bool = True
) -> None:
    """Write what is logged.

    Args:
        level: From which level on.
        form: As "text" or as "json".
        redact: Keeps values of `${NAME}` out of it.
        has_progress: Whether artifacts that fail are shown in another way as well.
    """
    handler = _StandardErrorHandler()
    handler.setFormatter(_JsonFormatter(redact) if form == "json" else _CarefulFormatter(redact))
    if has_progress and form == "text":
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
        super().__init__("%(asctime)s %(levelname)s %(name)s%(of_run)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        run_id, _ = _run_of(record)
        record.of_run = f" [{run_id[:_SHORT_ID]}]" if run_id else ""
        return lines(self._redact(super().format(record)))


class _JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, run_id, schedule, error."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        run_id, schedule = _run_of(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
        said = {
            "at": f"{at}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": self._redact(record.getMessage()),
            "run_id": run_id,
            "schedule": schedule,
            "error": self._redact(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json_text(json.dumps({key: value for key, value in said.items() if value is not None}))


def _run_of(record: logging.LogRecord) -> tuple[str | None, str | None]:
    """Which run and schedule a line belongs to: what it says itself, else the run that is being made."""
    mark = current_run()
    run_id: str | None = getattr(record, "run_id", None) or (mark.run_id if mark is not None else None)
    schedule: str | None = getattr(record, "schedule", None) or (mark.schedule if mark is not None else None)
    return run_id, schedule


def _leaves_out_what_progress_tells(record: logging.LogRecord) -> bool:
    """Each artifact that fails is told of as it happens, and in the summary: the log need not say it a third time."""
    return record.name != _TOLD_BY_PROGRESS or logging.getLogger().level < logging.WARNING
