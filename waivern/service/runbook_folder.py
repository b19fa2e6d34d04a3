"""The folder of runbooks whose schedules a service follows."""

import logging
from pathlib import Path

from waivern.caller import Caller
from waivern.operations.application import Application
from waivern.operations.schedules.sync_schedules import Synced, SyncStep, runbook_files, sync_schedules

logger = logging.getLogger(__name__)

FileState = tuple[Path, int, int]
"""A file, its time of modification in nanoseconds, and its size."""


class RunbookFolder:
    """Syncs the schedules when a file of the folder was added, changed or removed."""

    def __init__(self, application: Application, folder: Path, *, caller: Caller) -> None:
        self._application = application
        self._folder = folder
        self._caller = caller
        self._synced: tuple[FileState, ...] | None = None
        self._existed = True

    def sync_if_changed(self) -> None:
        """Sync if a file has changed since the last sync; leave the schedules alone if the folder is missing."""
        existed, self._existed = self._existed, self._folder.is_dir()
        if not self._existed:
            self._synced = None
            if existed:
                logger.error("There is no folder %s; its schedules are left as they are", self._folder)
            return
        files = self._file_states()
        if files == self._synced:
            return
        for step in sync_schedules(self._application, self._folder, caller=self._caller):
            _log(step)
        self._synced = files

    def _file_states(self) -> tuple[FileState, ...]:
        stats = ((path, path.stat()) for path in runbook_files(self._folder))
        return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def _log(step: SyncStep) -> None:
    fields = {"schedule": step.name}
    if step.done is Synced.REFUSED:
        logger.error("The schedule of %s was refused: %s", step.runbook, step.reason, extra=fields)
    elif step.done is not Synced.UNCHANGED:
        reason = f": {step.reason}" if step.reason else ""
        logger.warning("The schedule '%s' was %s%s", step.name, step.done.value, reason, extra=fields)
