"""Add, show, pause, resume, remove and trigger schedules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from waivern.caller import Caller
from waivern.errors import ScheduleError
from waivern.history.run_records import RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.operations.runs.plan_runbook import plan_runbook
from waivern.plans.schedule_timing import timing_of
from waivern.runbooks.model.literal_secrets import host_of
from waivern.runbooks.model.schedule_config import ScheduleConfig
from waivern.runbooks.reading.problems import problems_in
from waivern.runs.run import utc_now
from waivern.schedules.evaluation import CLOCK_TOLERANCE
from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import LastRun, ScheduleStore, TriggerRecord
from waivern.schedules.timing import Every

_SHOWN_COUNT = 5


@dataclass(frozen=True)
class ScheduleSummary:
    """A schedule, its next scheduled time (None if it ended or is paused), its newest run, and what is wrong."""

    schedule: Schedule
    next_due_at: datetime | None
    last_run: LastRun | None
    problem: str | None = None


@dataclass(frozen=True)
class ScheduleDetails:
    """A schedule with its next scheduled times, its newest runs, and the outcomes of its newest scheduled times."""

    summary: ScheduleSummary
    next_due: Sequence[datetime]
    runs: Sequence[RunRecord]
    triggers: Sequence[TriggerRecord]


def add_schedule(
    application: Application,
    name: str,
    runbook: Path,
    settings: Mapping[str, Any],
    *,
    caller: Caller,
    working_directory: Path | None = None,
) -> Schedule:
    """Add a schedule for a runbook, which is planned first.

    Args:
        application: What is installed.
        name: The name of the schedule.
        runbook: The runbook's file.
        settings: The keys of a runbook's `schedule:`; None means the default.
        caller: Who adds it.
        working_directory: The base folder of relative paths in properties.

    Raises:
        RunbookError, PlanError: the runbook does not plan.
        ScheduleError: the settings are not valid, its hook command is not allowed, or there is already a schedule with
            this name.
    """
    config = _config_of(settings)
    plan = plan_runbook(application, runbook, working_directory=working_directory)
    definition = definition_of(config, name=name, runbook=runbook, runbook_name=plan.runbook.name)
    require_allowed_hook_command(application, config)
    if working_directory is not None:
        definition = replace(definition, working_directory=working_directory.absolute())
    if definition.timing.after(utc_now()) is None:
        raise ScheduleError(f"'{name}' would never be due: its time has passed", remedy="Choose a time in the future")
    return application.storage.schedules.add(definition, caller=caller)


def definition_of(config: ScheduleConfig, *, name: str, runbook: Path, runbook_name: str) -> ScheduleDefinition:
    """Return the definition for a `schedule:`; an interval counts from now, to the second.

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


def require_allowed_hook_command(application: Application, config: ScheduleConfig) -> None:
    """Raise an error if a schedule has a hook command that is not allowed here.

    Raises:
        ScheduleError: it is not allowed.
    """
    if config.notify is not None and config.notify.command is not None:
        application.hook_commands.require(config.notify.command, is_resolved=False)


def with_anchor_of(new: ScheduleDefinition, old: ScheduleDefinition) -> ScheduleDefinition:
    """Return the new definition; an interval that has not changed keeps its anchor."""
    both_every = isinstance(new.timing, Every) and isinstance(old.timing, Every)
    is_same = both_every and new.timing.seconds == old.timing.seconds  # type: ignore[union-attr]
    return replace(new, timing=old.timing) if is_same else new


@dataclass(frozen=True)
class Present:
    """The present by the database's clock, and the scheduled times after it that have a run already, by schedule."""

    now: datetime
    triggered: Mapping[str, frozenset[datetime]]

    @classmethod
    def of(cls, store: ScheduleStore) -> "Present":
        now = store.now()
        return cls(now, store.triggered_after(now))

    def next_due(self, schedule: Schedule) -> Iterator[datetime]:
        """Yield the scheduled times that will come, ascending."""
        triggered = self.triggered.get(schedule.id, frozenset())
        return (due_at for due_at in schedule.definition.timing.from_(self.now) if due_at not in triggered)


def summary_of(schedule: Schedule, last_run: LastRun | None, present: Present) -> ScheduleSummary:
    """Return the summary of a schedule."""
    is_active = schedule.status is ScheduleStatus.ACTIVE
    next_due_at = next(present.next_due(schedule), None) if is_active else None
    return ScheduleSummary(schedule, next_due_at, last_run, _problem_of(schedule, present.now))


def _problem_of(schedule: Schedule, now: datetime) -> str | None:
    if schedule.evaluated_until <= now + CLOCK_TOLERANCE:
        return None
    until = schedule.evaluated_until.isoformat(timespec="seconds")
    return f"A clock that was ahead has evaluated it until {until}; a running service corrects that within seconds"


def webhook_host(notify: Mapping[str, Any]) -> str | None:
    """Return the host that notifications are posted to, if it is literal; the rest of the URL may be a secret."""
    webhook = notify.get("webhook")
    return host_of(str(webhook.get("url"))) if isinstance(webhook, Mapping) else None


def show_schedule(application: Application, name: str) -> ScheduleDetails:
    """Return one schedule.

    Raises:
        ScheduleError: there is no schedule with this name.
    """
    storage = application.storage
    schedule = storage.schedules.find(name)
    return ScheduleDetails(
        summary=_summary_in(storage.schedules, schedule),
        next_due=next_due(application, schedule, count=_SHOWN_COUNT),
        runs=storage.history.recent(RunFilter(schedule=name), limit=_SHOWN_COUNT),
        triggers=storage.schedules.triggers(schedule.id, limit=_SHOWN_COUNT),
    )


def next_due(application: Application, schedule: Schedule, *, count: int) -> Sequence[datetime]:
    """Return the next scheduled times, even if the schedule is paused."""
    return list(islice(Present.of(application.storage.schedules).next_due(schedule), count))


def pause_schedule(application: Application, name: str, *, caller: Caller) -> ScheduleSummary:
    """Skip its scheduled times until a person resumes it, even if it was paused because its runbook is gone.

    Raises:
        ScheduleError: there is no schedule with this name, or a person has paused it already.
    """
    store = application.storage.schedules
    schedule = store.find(name)
    if schedule.status is ScheduleStatus.PAUSED and schedule.paused_because is None:
        raise ScheduleError(f"'{name}' is already paused", remedy=f"Resume it with `waivern schedule resume {name}`")
    store.pause(schedule.id, caller=caller)
    return _summary_in(store, store.find(name))


def resume_schedule(application: Application, name: str, *, caller: Caller) -> ScheduleSummary:
    """Queue runs again from the next scheduled time on.

    Raises:
        ScheduleError: there is no schedule with this name, or it is not paused.
    """
    store = application.storage.schedules
    schedule = store.find(name)
    if schedule.status is not ScheduleStatus.PAUSED:
        raise ScheduleError(f"'{name}' is not paused")
    store.resume(schedule.id, caller=caller)
    return _summary_in(store, store.find(name))


@dataclass(frozen=True)
class RemovedSchedule:
    """A removed schedule, and the ids of its runs that were queued: those that were cancelled, and those that stay."""

    summary: ScheduleSummary
    cancelled: Sequence[str]
    kept: Sequence[str]


def remove_schedule(
    application: Application, name: str, *, caller: Caller, cancel_queued: bool = True
) -> RemovedSchedule:
    """Remove a schedule; its runs stay in the history. Running runs go on.

    Args:
        application: What is installed.
        name: The name of the schedule.
        caller: Who removes it.
        cancel_queued: Whether its queued runs are cancelled; otherwise they are executed.

    Raises:
        ScheduleError: there is no schedule with this name.
    """
    store, runs = application.storage.schedules, application.storage.runs
    schedule = store.find(name)
    removed = _summary_in(store, replace(schedule, status=ScheduleStatus.REMOVED))
    store.remove(schedule.id, caller=caller)
    queued = runs.queued_of(schedule.id)
    cancelled = runs.cancel_queued(queued, caller=caller) if cancel_queued else []
    return RemovedSchedule(removed, cancelled, [] if cancel_queued else queued)


def trigger_schedule(application: Application, name: str) -> RunRecord:
    """Queue a run of a schedule now; return the run."""
    storage = application.storage
    return storage.history.find(storage.schedules.trigger(storage.schedules.find(name).id))


def _config_of(settings: Mapping[str, Any]) -> ScheduleConfig:
    given = {key: value for key, value in settings.items() if value is not None}
    try:
        return ScheduleConfig.model_validate(given)
    except ValidationError as error:
        raise ScheduleError("; ".join(str(fault) for fault in problems_in(error, given))) from None


def _summary_in(store: ScheduleStore, schedule: Schedule) -> ScheduleSummary:
    return summary_of(schedule, store.last_runs().get(schedule.id), Present.of(store))
