"""Sync the schedules with those that the runbooks of a folder declare."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from waivern.caller import Caller
from waivern.errors import DatabaseUnavailableError, ScheduleError, SchemaOutOfDateError, WaivernError
from waivern.operations.application import Application
from waivern.operations.runs.plan_runbook import plan_runbook
from waivern.operations.schedules.manage_schedules import definition_of, require_allowed_hook_command, with_anchor_of
from waivern.operations.schedules.runbook_files import RunbookFiles, runbook_files
from waivern.runbooks.reading.runbook_loader import load_runbook
from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus

logger = logging.getLogger(__name__)

_UNDECLARED = "its runbook no longer declares a schedule with this name"
_WITHOUT_DATABASE = (DatabaseUnavailableError, SchemaOutOfDateError)  # nothing can be synced


class Synced(StrEnum):
    """What was done, or would be done, about one schedule."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PAUSED = "paused"
    RESUMED = "resumed"
    REFUSED = "refused"


@dataclass(frozen=True)
class SyncStep:
    """What was done about one schedule, with the reason if there is one."""

    done: Synced
    name: str
    runbook: Path | None = None
    reason: str = ""


def sync_schedules(
    application: Application, folder: Path, *, caller: Caller, dry_run: bool = False
) -> Sequence[SyncStep]:
    """Add, change, pause and resume schedules until they are those that the folder's runbooks declare.

    A schedule has the name of its runbook; if two runbooks have the same name, it keeps following the first one. What a
    person added or paused is left alone, and so is the schedule of a runbook that cannot be read or planned. Returns
    one step for each schedule, and one for each runbook or folder that was refused; those are stored too, until the
    next sync. A faulty runbook does not affect the others. Several processes may sync at the same time.

    Args:
        application: What is installed.
        folder: Searched recursively, except for hidden files and folders.
        caller: Who syncs.
        dry_run: Whether nothing is changed.

    Raises:
        ScheduleError: there is no such folder; so a drive that is not mounted pauses nothing.
    """
    if not folder.is_dir():
        raise ScheduleError(f"There is no folder {folder}", remedy="Its schedules are left as they are")
    return _Sync(application, folder.resolve(), caller=caller, dry_run=dry_run).run()


class _Sync:
    def __init__(self, application: Application, folder: Path, *, caller: Caller, dry_run: bool) -> None:
        self._application = application
        self._store = application.storage.schedules
        self._folder = folder
        self._caller = caller
        self._dry_run = dry_run
        self._known = {schedule.name: schedule for schedule in self._store.all()}
        self._declared: dict[str, list[ScheduleDefinition]] = {}
        self._readable: set[Path] = set()
        self._unreadable: set[Path] = set()
        self._found: RunbookFiles = runbook_files(folder)

    def run(self) -> Sequence[SyncStep]:
        read = [
            *(_refused(path, reason) for path, reason in self._found.unreadable.items()),
            *(step for path in self._found.files for step in self._read(path)),
        ]
        followed = [step for name in self._declared for step in self._sync_named_safely(name)]
        steps = [*read, *followed, *self._pause_undeclared()]
        self._store_faults(steps)
        return steps

    def _store_faults(self, steps: Iterable[SyncStep]) -> None:
        faults = {str(step.runbook): step.reason for step in steps if step.done is Synced.REFUSED and step.runbook}
        self._apply(partial(self._store.replace_runbook_faults, str(self._folder), faults))

    def _read(self, path: Path) -> Iterator[SyncStep]:
        try:
            definition = self._definition_in(path)
        except _WITHOUT_DATABASE:
            raise
        except Exception as error:  # noqa: BLE001  a faulty runbook does not affect the others
            self._unreadable.add(path)
            yield _refused(path, _reason(error))
            return
        self._readable.add(path)
        if definition is not None:
            self._declared.setdefault(definition.name, []).append(definition)

    def _definition_in(self, path: Path) -> ScheduleDefinition | None:
        """Return what a runbook declares. One without a schedule, such as a child runbook, need not plan by itself."""
        runbook = load_runbook(path).runbook
        if runbook.schedule is None:
            return None
        plan_runbook(self._application, path)
        require_allowed_hook_command(self._application, runbook.schedule)
        definition = definition_of(runbook.schedule, name=runbook.name, runbook=path, runbook_name=runbook.name)
        return replace(definition, declared_in=str(self._folder))

    def _sync_named_safely(self, name: str) -> Sequence[SyncStep]:
        try:
            return list(self._sync_named(name))
        except _WITHOUT_DATABASE:
            raise
        except Exception as error:  # noqa: BLE001  as above
            reason, declared = _reason(error), self._declared[name]
            return [SyncStep(Synced.REFUSED, name, definition.runbook, reason) for definition in declared]

    def _sync_named(self, name: str) -> Iterator[SyncStep]:
        known, declared = self._known.get(name), self._declared[name]
        followed = self._file_to_follow(known, declared)
        for definition in declared:
            if definition.runbook == followed:
                yield self._sync_schedule(known, definition)
            else:
                reason = f"{followed} has the same name; give each runbook its own"
                yield SyncStep(Synced.REFUSED, name, definition.runbook, reason)

    def _file_to_follow(self, known: Schedule | None, declared: Sequence[ScheduleDefinition]) -> Path:
        """A copy of a runbook must not take over its schedule, not even while the runbook cannot be read."""
        files = [definition.runbook for definition in declared]
        if known is not None:
            runbook = known.definition.runbook
            if runbook in files or self._is_unreadable(runbook):
                return runbook
        return files[0]

    def _sync_schedule(self, known: Schedule | None, definition: ScheduleDefinition) -> SyncStep:
        if known is None:
            try:
                self._apply(partial(self._store.add, definition, caller=self._caller))
            except ScheduleError:
                known = self._store.find(definition.name)  # a different service that follows the folder was faster
            else:
                return SyncStep(Synced.ADDED, definition.name, definition.runbook)
        elsewhere = known.definition.declared_in
        if elsewhere != str(self._folder):
            origin = f"by the runbooks in {elsewhere}" if elsewhere else "by hand"
            reason = f"there is already a schedule with this name, added {origin}"
            return SyncStep(Synced.REFUSED, known.name, definition.runbook, reason)
        return self._update(known, with_anchor_of(definition, known.definition))

    def _update(self, known: Schedule, definition: ScheduleDefinition) -> SyncStep:
        done = Synced.UNCHANGED
        if definition != known.definition:
            self._apply(partial(self._store.change, known.id, definition, caller=self._caller))
            done = Synced.CHANGED
        is_paused = known.status is ScheduleStatus.PAUSED
        if is_paused and known.paused_because in (_UNDECLARED, self._missing_reason):
            self._apply(partial(self._store.resume, known.id, caller=self._caller))
            return SyncStep(Synced.RESUMED, known.name, definition.runbook)
        return SyncStep(done, known.name, definition.runbook, "it is paused" if is_paused else "")

    def _pause_undeclared(self) -> Iterator[SyncStep]:
        for schedule in self._known.values():
            runbook = schedule.definition.runbook
            is_ours = schedule.definition.declared_in == str(self._folder) and schedule.name not in self._declared
            if is_ours and schedule.status is ScheduleStatus.ACTIVE and not self._is_unreadable(runbook):
                reason = _UNDECLARED if runbook in self._readable else self._missing_reason
                self._apply(partial(self._store.pause, schedule.id, because=reason, caller=self._caller))
                yield SyncStep(Synced.PAUSED, schedule.name, runbook, reason)

    def _is_unreadable(self, runbook: Path) -> bool:
        return runbook in self._unreadable or self._found.is_unreadable(runbook)

    @property
    def _missing_reason(self) -> str:
        return f"its runbook is gone from {self._folder}"

    def _apply(self, change: Callable[[], object]) -> None:
        if not self._dry_run:
            change()


def _refused(path: Path, reason: str) -> SyncStep:
    return SyncStep(Synced.REFUSED, path.stem, path, reason)


def _reason(error: Exception) -> str:
    if isinstance(error, WaivernError):
        return str(error)
    logger.debug("A runbook was refused because of an unexpected error", exc_info=error)
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}".removesuffix(": ")
