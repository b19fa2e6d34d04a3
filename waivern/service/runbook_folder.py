"""The folder of runbooks whose schedules a service follows."""

import logging
import time
from pathlib import Path

from waivern.caller import Caller
from waivern.operations.application import Application
from waivern.operations.schedules.runbook_files import runbook_files
from waivern.operations.schedules.sync_schedules import Synced, SyncStep, sync_schedules
from waivern.service.health import Health

logger = logging.getLogger(__name__)

_RETRY_REFUSED_S = 30.0  # what a runbook refers to, such as a child runbook elsewhere, may have been repaired
_FOLDER, _RUNBOOK = "folder of runbooks", "runbook"

FileState = tuple[Path, int, int, int, int]
"""A file, its times of modification and of change in nanoseconds, its size and its inode."""


class RunbookFolder:
    """Syncs the schedules when a file of the folder was added, changed or removed, and retries what was refused.

    Args:
        application: What is installed.
        folder: The folder.
        caller: Who follows it.
        health: Where its problems are reported; each is logged once, and again when it changes.
    """

    def __init__(self, application: Application, folder: Path, *, caller: Caller, health: Health) -> None:
        self._application = application
        self._folder = folder
        self._caller = caller
        self._health = health
        self._synced: object = None
        self._retry_at: float | None = None

    def sync_if_changed(self) -> None:
        """Sync if a file has changed since the last sync; leave the schedules alone if the folder is missing."""
        if not self._folder.is_dir():
            self._synced = None
            problem = f"There is no folder {self._folder}; its schedules are left as they are"
            if self._health.report(_FOLDER, str(self._folder), problem, is_serious=False):
                logger.error(problem)
            return
        self._health.clear(_FOLDER, str(self._folder))
        found = self._state()
        if found == self._synced and (self._retry_at is None or time.monotonic() < self._retry_at):
            return
        steps = sync_schedules(self._application, self._folder, caller=self._caller)
        refused = {str(step.runbook or step.name): step for step in steps if step.done is Synced.REFUSED}
        problems = {path: f"{path} is not followed: {step.reason}" for path, step in refused.items()}
        for path in self._health.replace(_RUNBOOK, problems, is_serious=False):
            logger.error("The schedule of %s was refused: %s", path, refused[path].reason, extra=_fields(refused[path]))
        for step in steps:
            _log(step)
        self._retry_at = time.monotonic() + _RETRY_REFUSED_S if refused else None
        self._synced = found

    def _state(self) -> object:
        found = runbook_files(self._folder)
        states: list[FileState] = []
        for path in found.files:
            try:
                stat = path.stat()
            except OSError:  # removed or closed to us just now
                continue
            states.append((path, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
        return states, found.unreadable


def _fields(step: SyncStep) -> dict[str, object]:
    return {"schedule": step.name}


def _log(step: SyncStep) -> None:
    if step.done not in (Synced.REFUSED, Synced.UNCHANGED):
        reason = f": {step.reason}" if step.reason else ""
        logger.warning("The schedule '%s' was %s%s", step.name, step.done.value, reason, extra=_fields(step))
