"""Add, change and look at schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from waivern.errors import ScheduleError
from waivern.history.run_records import RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.operations.runs.plan_runbook import plan_runbook
from waivern.plans.schedule_timing import timing_of
from waivern.runbooks.model.schedule_config import ScheduleConfig
from waivern.runbooks.reading.problems import problems_in
from waivern.runs.run import utc_now
from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import FireRecord, LastRun, ScheduleStore
from waivern.schedules.timing import Every

_SHOWN = 5


@dataclass(frozen=True)
class ScheduleSummary:
    """A schedule, when it is due next (None: never, or it is paused), and its newest run."""

    schedule: Schedule
    next_due_at: datetime | None
    last_run: LastRun | None


@dataclass(frozen=True)
class ScheduleDetails:
    """A schedule with its next due instants, its newest runs, and what became of its newest due instants."""

    summary: ScheduleSummary
    next_due: Sequence[datetime]
    runs: Sequence[RunRecord]
    fires: Sequence[FireRecord]


def add_schedule(
    application: Application,
    name: str,
    runbook: Path,
    terms: Mapping[str, Any],
    *,
    working_directory: Path | None = None,
) -> Schedule:
    """Keep a schedule for a runbook, which is checked whole first.

    Args:
        application: What is installed.
        name: What the schedule is called.
        runbook: The runbook's file.
        terms: As a runbook's `schedule:` has them; what is None is left to its default.
        working_directory: The folder that relative paths in properties are meant from.

    Raises:
        RunbookError, PlanError: the runbook cannot be carried out.
        ScheduleError: the terms make no schedule, or there is one of this name.
    """
    config = _config_of(terms)
    plan = plan_runbook(application, runbook, working_directory=working_directory)
    definition = definition_of(config, name=name, runbook=runbook, runbook_name=plan.runbook.name)
    if working_directory is not None:
        definition = replace(definition, working_directory=working_directory.absolute())
    if definition.timing.after(utc_now()) is None:
        raise ScheduleError(f"'{name}' would never be due: its time has passed", remedy="Give one that is to come")
    return application.storage.schedules.add(definition)


def definition_of(config: ScheduleConfig, *, name: str, runbook: Path, runbook_name: str) -> ScheduleDefinition:
    """Return what a `schedule:` decides; an interval counts from now on, to the second.

    Raises:
        ScheduleError: it is never due.
    """
    return ScheduleDefinition(
        name=name,
        runbook=runbook.absolute(),
        runbook_name=runbook_name,
        timing=timing_of(config, anchor=utc_now().replace(microsecond=0)),
        catch_up=CatchUp(config.catch_up),
        max_catch_up=config.max_catch_up or ScheduleDefinition.max_catch_up,
        overlap=Overlap(config.overlap),
        jitter_s=config.jitter or 0.0,
        priority=config.priority,
        max_attempts=config.max_attempts,
        notify=None if config.notify is None else config.notify.model_dump(mode="json", exclude_none=True),
    )


def with_anchor_of(new: ScheduleDefinition, old: ScheduleDefinition) -> ScheduleDefinition:
    """Return the new definition, in which an interval that has not changed counts from where it did."""
    both_every = isinstance(new.timing, Every) and isinstance(old.timing, Every)
    is_same = both_every and new.timing.seconds == old.timing.seconds  # type: ignore[union-attr]
    return replace(new, timing=old.timing) if is_same else new


def list_schedules(application: Application) -> Sequence[ScheduleSummary]:
    """Return all schedules, by name."""
    store = application.storage.schedules
    last_runs = store.last_runs()
    return [_summary(schedule, last_runs.get(schedule.id)) for schedule in store.all()]


def show_schedule(application: Application, name: str) -> ScheduleDetails:
    """Return one schedule.

    Raises:
        ScheduleError: there is none of this name.
    """
    storage = application.storage
    schedule = storage.schedules.find(name)
    return ScheduleDetails(
        summary=_summary_in(storage.schedules, schedule),
        next_due=next_due(schedule, count=_SHOWN),
        runs=storage.history.recent(RunFilter(schedule=name), limit=_SHOWN),
        fires=storage.schedules.fires(schedule.id, limit=_SHOWN),
    )


def next_due(schedule: Schedule, *, count: int) -> Sequence[datetime]:
    """Return the next instants at which it is due, paused or not."""
    found: list[datetime] = []
    for due in schedule.definition.timing.from_(utc_now()):
        found.append(due)
        if len(found) == count:
            break
    return found


def pause_schedule(application: Application, name: str) -> ScheduleSummary:
    """Let what becomes due be skipped until a person resumes it, also where it was paused for want of its runbook."""
    store = application.storage.schedules
    schedule = store.find(name)
    if schedule.status is ScheduleStatus.PAUSED and schedule.paused_because is None:
        raise ScheduleError(f"'{name}' is paused already", remedy=f"`waivern schedule resume {name}` ends that")
    store.pause(schedule.id)
    return _summary_in(store, store.find(name))


def resume_schedule(application: Application, name: str) -> ScheduleSummary:
    """Let what becomes due from now on be run again."""
    store = application.storage.schedules
    schedule = store.find(name)
    if schedule.status is not ScheduleStatus.PAUSED:
        raise ScheduleError(f"'{name}' is not paused")
    store.resume(schedule.id)
    return _summary_in(store, store.find(name))


def remove_schedule(application: Application, name: str) -> ScheduleSummary:
    """Let nothing of it become due again; its runs stay in the history. Return it as it was."""
    store = application.storage.schedules
    schedule = store.find(name)
    last = _summary_in(store, replace(schedule, status=ScheduleStatus.REMOVED))
    store.remove(schedule.id)
    return last


def trigger_schedule(application: Application, name: str) -> RunRecord:
    """Queue a run of it now; return the run."""
    storage = application.storage
    return storage.history.find(storage.schedules.trigger(storage.schedules.find(name).id))


def _config_of(terms: Mapping[str, Any]) -> ScheduleConfig:
    given = {key: value for key, value in terms.items() if value is not None}
    try:
        return ScheduleConfig.model_validate(given)
    except ValidationError as error:
        raise ScheduleError("; ".join(str(fault) for fault in problems_in(error, given))) from None


def _summary_in(store: ScheduleStore, schedule: Schedule) -> ScheduleSummary:
    return _summary(schedule, store.last_runs().get(schedule.id))


def _summary(schedule: Schedule, last_run: LastRun | None) -> ScheduleSummary:
    is_active = schedule.status is ScheduleStatus.ACTIVE
    return ScheduleSummary(schedule, schedule.definition.timing.after(utc_now()) if is_active else None, last_run)
