"""Let schedules follow what the runbooks of a folder say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from waivern.errors import DatabaseError, WaivernError
from waivern.operations.application import Application
from waivern.operations.manage_schedules import definition_of, with_anchor_of
from waivern.operations.run_runbook import plan_runbook
from waivern.runbooks.loading import load_runbook
from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus

_GONE = "no runbook of its folder declares it any more"
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

    A runbook's schedule goes by the runbook's name. What a person added or paused is left alone; a runbook that cannot
    be read or carried out leaves its schedule as it was. Returns one step for each schedule and each such runbook.

    Args:
        application: What is installed.
        folder: Looked through with all below it, but for hidden files and folders.
        dry_run: Whether nothing is changed.
    """
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
        self._declared: dict[str, Path] = {}
        self._unsure: set[Path] = set()

    def carry_out(self) -> Sequence[SyncStep]:
        steps = [step for path in runbook_files(self._folder) for step in self._follow(path)]
        return [*steps, *self._pause_what_is_gone()]

    def _follow(self, path: Path) -> Iterator[SyncStep]:
        try:
            definition = self._definition_in(path)
        except DatabaseError:
            raise
        except WaivernError as error:
            self._unsure.add(path)
            yield SyncStep(Synced.REFUSED, path.stem, path, str(error))
            return
        if definition is not None:
            yield self._follow_definition(path, definition)

    def _definition_in(self, path: Path) -> ScheduleDefinition | None:
        """What a runbook declares; one without a schedule, such as a child, need not be fit to be run by itself."""
        runbook = load_runbook(path).runbook
        if runbook.schedule is None:
            return None
        plan_runbook(self._application, path)
        definition = definition_of(runbook.schedule, name=runbook.name, runbook=path, runbook_name=runbook.name)
        return replace(definition, declared_in=str(self._folder))

    def _follow_definition(self, path: Path, definition: ScheduleDefinition) -> SyncStep:
        name = definition.name
        other = self._declared.setdefault(name, path)
        if other != path:
            return SyncStep(Synced.REFUSED, name, path, f"{other} has the same name; give each runbook its own")
        known = self._known.get(name)
        if known is None:
            self._do(partial(self._store.add, definition))
            return SyncStep(Synced.ADDED, name, path)
        if known.definition.declared_in != str(self._folder):
            elsewhere = known.definition.declared_in
            origin = f"by the runbooks in {elsewhere}" if elsewhere else "by hand"
            return SyncStep(Synced.REFUSED, name, path, f"there is a schedule of this name, added {origin}")
        return self._update(known, path, with_anchor_of(definition, known.definition))

    def _update(self, known: Schedule, path: Path, definition: ScheduleDefinition) -> SyncStep:
        done = Synced.UNCHANGED
        if definition != known.definition:
            self._do(partial(self._store.change, known.id, definition))
            done = Synced.CHANGED
        if known.status is ScheduleStatus.PAUSED and known.paused_because == _GONE:
            self._do(partial(self._store.resume, known.id))
            done = Synced.RESUMED
        is_paused = known.status is ScheduleStatus.PAUSED and done is not Synced.RESUMED
        return SyncStep(done, known.name, path, "it is paused" if is_paused else "")

    def _pause_what_is_gone(self) -> Iterator[SyncStep]:
        for schedule in self._known.values():
            definition = schedule.definition
            is_ours = definition.declared_in == str(self._folder) and schedule.name not in self._declared
            if is_ours and schedule.status is ScheduleStatus.ACTIVE and definition.runbook not in self._unsure:
                self._do(partial(self._store.pause, schedule.id, because=_GONE))
                yield SyncStep(Synced.PAUSED, schedule.name, definition.runbook, _GONE)

    def _do(self, change: Callable[[], object]) -> None:
        if not self._dry_run:
            change()
