"""Schedules and the status of the installation as JSON objects, with the conventions of `run_as_json`."""

from collections.abc import Mapping
from typing import Any

from waivern.formats.records_as_json import instant_as_json, run_as_json
from waivern.operations.schedules.list_schedules import RefusedSchedule, ScheduleList
from waivern.operations.schedules.manage_schedules import (
    RemovedSchedule,
    ScheduleDetails,
    ScheduleSummary,
    webhook_host,
)
from waivern.operations.schedules.sync_schedules import SyncStep
from waivern.runs.notifications import TARGETS
from waivern.runs.service_store import RunningRun, ServiceRecord, Status
from waivern.schedules.schedule_store import LastRun, TriggerRecord
from waivern.schedules.timing import Cron, Every, Timing

_KEYS = (
    *("name", "runbook", "path", "cron", "timezone", "status", "paused_because", "next_due_at", "last_run", "catch_up"),
    *("max_catch_up", "overlap", "jitter_seconds", "priority", "max_attempts", "working_directory", "declared_in"),
    *("created_at", "id", "notify", "problem"),
)


def summary_as_json(summary: ScheduleSummary) -> dict[str, Any]:
    """Return the JSON object of a schedule in a list."""
    schedule, definition = summary.schedule, summary.schedule.definition
    return {
        "name": schedule.name,
        "runbook": definition.runbook_name,
        "path": str(definition.runbook),
        **_timing(definition.timing),
        "status": schedule.status.value,
        "paused_because": schedule.paused_because,
        "next_due_at": instant_as_json(summary.next_due_at),
        "last_run": None if summary.last_run is None else _last_run(summary.last_run),
        "catch_up": definition.catch_up.value,
        "max_catch_up": definition.max_catch_up,
        "overlap": definition.overlap.value,
        "jitter_seconds": definition.jitter_s,
        "priority": definition.priority,
        "max_attempts": definition.max_attempts,
        "working_directory": None if definition.working_directory is None else str(definition.working_directory),
        "declared_in": definition.declared_in,
        "created_at": instant_as_json(schedule.created_at),
        "id": schedule.id,
        "notify": None if definition.notify is None else _notify(definition.notify),
        "problem": summary.problem,
    }


def removed_as_json(removed: RemovedSchedule) -> dict[str, Any]:
    """Return the JSON object of a removed schedule, with the ids of its runs that were queued."""
    runs = {"cancelled_runs": list(removed.cancelled), "kept_runs": list(removed.kept)}
    return {**summary_as_json(removed.summary), **runs}


def list_as_json(listed: ScheduleList) -> list[dict[str, Any]]:
    """Return the JSON objects of all schedules, and one with the status `refused` for what has no schedule."""
    return [*(summary_as_json(summary) for summary in listed.schedules), *map(_refused, listed.refused)]


def details_as_json(details: ScheduleDetails) -> dict[str, Any]:
    """Return the JSON object of one schedule with its details."""
    return {
        **summary_as_json(details.summary),
        "next_due": [instant_as_json(instant) for instant in details.next_due],
        "runs": [run_as_json(run) for run in details.runs],
        "triggers": [_trigger(record) for record in details.triggers],
    }


def step_as_json(step: SyncStep) -> dict[str, Any]:
    """Return the JSON object of what was done about one schedule."""
    return {
        "done": step.done.value,
        "name": step.name,
        "path": None if step.runbook is None else str(step.runbook),
        "reason": step.reason,
    }


def status_as_json(status: Status) -> dict[str, Any]:
    """Return the JSON object of the status of an installation."""
    return {
        "now": instant_as_json(status.now),
        "services": [_service(service) for service in status.services],
        "queued": status.queued,
        "oldest_queued_at": instant_as_json(status.oldest_queued_at),
        "running": [_running(run) for run in status.running],
        "schedules": status.schedules,
    }


def _refused(refused: RefusedSchedule) -> dict[str, Any]:
    known = {
        "name": refused.name,
        "path": refused.path,
        "status": "refused",
        "declared_in": refused.declared_in,
        "problem": refused.problem,
    }
    return {**dict.fromkeys(_KEYS), **known}


def _timing(timing: Timing) -> dict[str, Any]:
    match timing:
        case Cron():
            return {"cron": timing.expression, "timezone": timing.timezone}
        case Every():
            return {"every_seconds": timing.seconds, "anchor": instant_as_json(timing.anchor)}
        case _:
            return {"at": instant_as_json(timing.at)}


def _notify(notify: Mapping[str, Any]) -> dict[str, Any]:
    """Return which events are sent by which targets; of the URL the host only, as the rest may be a secret."""
    targets = [target for target in TARGETS if notify.get(target)]
    return {"events": list(notify.get("events", ())), "targets": targets, "webhook_host": webhook_host(notify)}


def _last_run(run: LastRun) -> dict[str, Any]:
    return {
        "id": run.run_id,
        "status": run.status,
        "due_at": instant_as_json(run.due_at),
        "started_at": instant_as_json(run.started_at),
        "lateness_seconds": run.lateness_seconds,
    }


def _trigger(record: TriggerRecord) -> dict[str, Any]:
    return {
        "due_at": instant_as_json(record.due_at),
        "last_due_at": instant_as_json(record.last_due_at),
        "times": record.times,
        "run_id": record.run_id,
        "skipped": None if record.skipped is None else record.skipped.value,
        "decided_at": instant_as_json(record.decided_at),
    }


def _service(service: ServiceRecord) -> dict[str, Any]:
    return {
        "kind": service.kind,
        "host": service.host,
        "pid": service.pid,
        "version": service.version,
        "workers": service.workers,
        "is_alive": service.is_alive,
        "started_at": instant_as_json(service.started_at),
        "heartbeat_at": instant_as_json(service.heartbeat_at),
        "stopped_at": instant_as_json(service.stopped_at),
        "id": service.id,
    }


def _running(run: RunningRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "runbook": run.runbook,
        "schedule": run.schedule,
        "host": run.host,
        "pid": run.pid,
        "attempt": run.attempt,
        "started_at": instant_as_json(run.started_at),
        "lease_until": instant_as_json(run.lease_until),
        "deadline": instant_as_json(run.deadline),
    }
