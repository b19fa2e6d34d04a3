"""List the schedules, and what cannot be followed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from waivern.operations.application import Application
from waivern.operations.schedules.manage_schedules import Present, ScheduleSummary, summary_of


@dataclass(frozen=True)
class RefusedSchedule:
    """A runbook or folder of a followed folder that was refused, or a stored schedule that cannot be used, and why."""

    name: str
    path: str | None
    declared_in: str | None
    problem: str


@dataclass(frozen=True)
class ScheduleList:
    """All schedules, by name, and what was refused and has no schedule, by path."""

    schedules: Sequence[ScheduleSummary]
    refused: Sequence[RefusedSchedule] = ()


def list_schedules(application: Application) -> ScheduleList:
    """Return all schedules. One whose runbook was refused keeps its earlier settings; `problem` has the reason."""
    store = application.storage.schedules
    last_runs, present = store.last_runs(), Present.of(store)
    faults = {fault.path: fault for fault in store.runbook_faults()}
    summaries = []
    for schedule in store.all():
        summary = summary_of(schedule, last_runs.get(schedule.id), present)
        fault = faults.get(str(schedule.definition.runbook))
        if fault is not None and fault.folder == schedule.definition.declared_in:
            summary = replace(summary, problem=fault.reason)
            del faults[fault.path]
        summaries.append(summary)
    refused = [
        *(RefusedSchedule(schedule.name, None, None, schedule.reason) for schedule in store.unusable()),
        *(RefusedSchedule(_stem(fault.path), fault.path, fault.folder, fault.reason) for fault in faults.values()),
    ]
    return ScheduleList(summaries, refused)


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name
