"""Let schedules follow what the runbooks of a folder say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from waivern.errors import DatabaseError, ScheduleError, WaivernError
from waivern.operations.application import Application
from waivern.operations.runs.plan_runbook import plan_runbook
from waivern.operations.schedules.manage_schedules import definition_of, with_anchor_of
from waivern.runbooks.reading.runbook_loader import load_runbook
from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus

_UNDECLARED = "its runbook declares no schedule of this name any more"
_ENDINGS = (".yaml", ".yml")


class Synced(StrEnum):
    """What was done, or would be, about one schedule."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PAUSED = "paused"
    RESUMED = "resumed"
    REFUSED = "refused"


@dataclass(frozen=True)
class SyncStep:
    """What was done about one schedule, or why nothing could be; `reason` is empty where nothing is to be said."""

    done: Synced
    name: str
    runbook: Path | None = None
    reason: str = ""


def sync_schedules(application: Application, folder: Path, *, dry_run: bool = False) -> Sequence[SyncStep]:
    """Add, change and pause schedules until they are those that the folder's runbooks declare.

    A runbook's schedule goes by the runbook's name; of two runbooks of one name the schedule keeps to that which it has
    followed. What a person added or paused is left alone, and a runbook that cannot be read or carried out leaves its
    schedule as it was. Returns one step for each schedule and each such runbook. Several may do so at once.

    Args:
        application: What is installed.
        folder: Looked through with all below it, but for hidden files and folders.
        dry_run: Whether nothing is changed.

    Raises:
        ScheduleError: there is no such folder; a drive that is not there pauses nothing.
    """
    if not folder.is_dir():
        raise ScheduleError(f"There is no folder {folder}", remedy="Its schedules are left as they were")
    return _Sync(application, folder.resolve(), dry_run=dry_run).carry_out()


def runbook_files(folder: Path) -> Sequence[Path]:
    """Return the YAML files of a folder and all below it, but for hidden ones, in a fixed order."""
    found = (path for path in folder.rglob("*") if path.suffix in _ENDINGS and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


class _Sync:
    def __init__(self, application: Application, folder: Path, *, dry_run: bool) -> None:
        self._application = application
        self._store = application.storage.schedules
        self._folder = folder
        self._dry_run = dry_run
        self._known = {schedule.name: schedule for schedule in self._store.all()}
        self._declared: dict[str, list[ScheduleDefinition]] = {}
        self._readable: set[Path] = set()
        self._unsure: set[Path] = set()

    def carry_out(self) -> Sequence[SyncStep]:
        refused = [step for path in runbook_files(self._folder) for step in self._read(path)]
        followed = [step for name in self._declared for step in self._follow(name)]
        return [*refused, *followed, *self._pause_what_is_gone()]

    def _read(self, path: Path) -> Iterator[SyncStep]:
        try:
            definition = self._definition_in(path)
        except DatabaseError:
            raise
        except WaivernError as error:
            self._unsure.add(path)
            yield SyncStep(Synced.REFUSED, path.stem, path, str(error))
            return
        self._readable.add(path)
        if definition is not None:
            self._declared.setdefault(definition.name, []).append(definition)

    def _definition_in(self, path: Path) -> ScheduleDefinition | None:
        """What a runbook declares; one without a schedule, such as a child, need not be fit to be run by itself."""
        runbook = load_runbook(path).runbook
        if runbook.schedule is None:
            return None
        plan_runbook(self._application, path)
        definition = definition_of(runbook.schedule, name=runbook.name, runbook=path, runbook_name=runbook.name)
        return replace(definition, declared_in=str(self._folder))

    def _follow(self, name: str) -> Iterator[SyncStep]:
        known, declared = self._known.get(name), self._declared[name]
        followed = self._file_to_follow(known, declared)
        for definition in declared:
            if definition.runbook == followed:
                yield self._follow_definition(known, definition)
            else:
                reason = f"{followed} has the same name; give each runbook its own"
                yield SyncStep(Synced.REFUSED, name, definition.runbook, reason)

    def _file_to_follow(self, known: Schedule | None, declared: Sequence[ScheduleDefinition]) -> Path:
        """A copy beside a runbook must not take its schedule over, not even while the runbook cannot be read."""
        files = [definition.runbook for definition in declared]
        is_there = known is not None and known.definition.runbook in {*files, *self._unsure}
        return known.definition.runbook if known is not None and is_there else files[0]

    def _follow_definition(self, known: Schedule | None, definition: ScheduleDefinition) -> SyncStep:
        if known is None:
            try:
                self._do(partial(self._store.add, definition))
            except ScheduleError:
                known = self._store.find(definition.name)  # another service that follows the folder was faster
            else:
                return SyncStep(Synced.ADDED, definition.name, definition.runbook)
        elsewhere = known.definition.declared_in
        if elsewhere != str(self._folder):
            origin = f"by the runbooks in {elsewhere}" if elsewhere else "by hand"
            reason = f"there is a schedule of this name, added {origin}"
            return SyncStep(Synced.REFUSED, known.name, definition.runbook, reason)
        return self._update(known, with_anchor_of(definition, known.definition))

    def _update(self, known: Schedule, definition: ScheduleDefinition) -> SyncStep:
        done = Synced.UNCHANGED
        if definition != known.definition:
            self._do(partial(self._store.change, known.id, definition))
            done = Synced.CHANGED
        is_paused = known.status is ScheduleStatus.PAUSED
        if is_paused and known.paused_because in (_UNDECLARED, self._gone):
            self._do(partial(self._store.resume, known.id))
            return SyncStep(Synced.RESUMED, known.name, definition.runbook)
        return SyncStep(done, known.name, definition.runbook, "it is paused" if is_paused else "")

    def _pause_what_is_gone(self) -> Iterator[SyncStep]:
        for schedule in self._known.values():
            definition = schedule.definition
            is_ours = definition.declared_in == str(self._folder) and schedule.name not in self._declared
            if is_ours and schedule.status is ScheduleStatus.ACTIVE and definition.runbook not in self._unsure:
                reason = _UNDECLARED if definition.runbook in self._readable else self._gone
                self._do(partial(self._store.pause, schedule.id, because=reason))
                yield SyncStep(Synced.PAUSED, schedule.name, definition.runbook, reason)

    @property
    def _gone(self) -> str:
        return f"its runbook is gone from {self._folder}"

    def _do(self, change: Callable[[], object]) -> None:
        if not self._dry_run:
            change()
