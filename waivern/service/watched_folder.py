"""The folder of runbooks that a service follows."""

import logging
from pathlib import Path

from waivern.operations.application import Application
from waivern.operations.schedules.sync_schedules import Synced, SyncStep, runbook_files, sync_schedules

logger = logging.getLogger(__name__)

Seen = tuple[tuple[Path, int, int], ...]


class WatchedFolder:
    """Syncs schedules when a file of the folder was added, changed or taken away."""

    def __init__(self, application: Application, folder: Path) -> None:
        self._application = application
        self._folder = folder
        self._seen: Seen | None = None
        self._is_there = True

    def look(self) -> None:
        """Sync if anything has changed since the last look; where the folder is gone, leave schedules as they are."""
        was_there, self._is_there = self._is_there, self._folder.is_dir()
        if not self._is_there:
            self._seen = None
            if was_there:
                logger.error("There is no folder %s; its schedules are left as they were", self._folder)
            return
        seen = self._now()
        if seen == self._seen:
            return
        for step in sync_schedules(self._application, self._folder):
            _tell(step)
        self._seen = seen

    def _now(self) -> Seen:
        found = []
        for path in runbook_files(self._folder):
            about = path.stat()
            found.append((path, about.st_mtime_ns, about.st_size))
        return tuple(found)


def _tell(step: SyncStep) -> None:
    about = {"schedule": step.name}
    if step.done is Synced.REFUSED:
        logger.error("The schedule of %s is not followed: %s", step.runbook, step.reason, extra=about)
    elif step.done is not Synced.UNCHANGED:
        logger.warning(
            "The schedule '%s' was %s%s",
            step.name,
            step.done.value,
            f": {step.reason}" * bool(step.reason),
            extra=about,
        )
