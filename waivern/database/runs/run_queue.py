"""Rows and queries of queued runs, and how a run changes owners."""

from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection.clock import database_now
from waivern.database.connection.column_types import UtcDateTime
from waivern.database.current.state_changes import StateChanges
from waivern.database.runs.run_closing import close_attempt, close_run
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, run_attempts, runs, schedules
from waivern.runs.run import UNFINISHED, ArtifactStatus, RunStatus, new_run_id
from waivern.runs.run_store import RELEASED, ClaimedRun, NewRun, StaleRun

IS_UNFINISHED = runs.c.status.in_([status.value for status in UNFINISHED])
IS_RUNNING = runs.c.status == RunStatus.RUNNING.value
_PRIORITY_POINT_S = 600
_IS_QUEUED = runs.c.status == RunStatus.QUEUED.value
_COUNT_RELEASES = (
    sa.select(sa.func.count())
    .select_from(run_attempts)
    .where(run_attempts.c.run_id == sa.bindparam("released_run"), run_attempts.c.outcome == RELEASED)
)


def queued_row(run: NewRun, *, now: datetime, **schedule_columns: Any) -> dict[str, Any]:
    """Return the row of a queued run; `schedule_columns` are further columns that only a schedule's run has."""
    return {
        "id": new_run_id(now),
        "runbook_name": run.runbook_name,
        "trigger": run.trigger,
        "status": RunStatus.QUEUED.value,
        "epoch": 0,
        "created_at": now,
        "runbook_path": str(run.runbook),
        "working_directory": None if run.working_directory is None else str(run.working_directory),
        "priority": run.priority,
        "available_at": run.available_at,
        "exclusive": False,
        "attempts": 0,
        "max_attempts": run.max_attempts,
        **schedule_columns,
    }


def _is_claimable(now: sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """Whether a run may be claimed; an exclusive one only if it is its schedule's first and none of them is running.

    Reads unfinished runs only, each once: a schedule may have a million earlier runs, and thousands may be queued.
    """
    busy = sa.select(runs.c.schedule_id).where(IS_RUNNING, runs.c.schedule_id.is_not(None))
    due = sa.func.coalesce(runs.c.due_at, runs.c.created_at)
    rank = sa.func.row_number().over(partition_by=runs.c.schedule_id, order_by=(due, runs.c.id)).label("rank")
    queued = sa.select(runs.c.id, rank).where(_IS_QUEUED, runs.c.schedule_id.is_not(None)).subquery()
    is_first = runs.c.id.in_(sa.select(queued.c.id).where(queued.c.rank == 1))
    is_free = sa.or_(runs.c.exclusive.is_(sa.false()), sa.and_(runs.c.schedule_id.not_in(busy), is_first))
    return sa.and_(_IS_QUEUED, sa.or_(runs.c.available_at.is_(None), runs.c.available_at <= now), is_free)


def _waiting_since() -> "sa.ColumnElement[Any]":
    """When a run was queued, 10 minutes earlier for each point of priority.

    It does not change while the run waits, so a run with a low priority is overtaken only by those that are queued
    within that time. In whole seconds on SQLite.
    """
    return sa.extract("epoch", runs.c.created_at) - runs.c.priority * _PRIORITY_POINT_S


def _next(now: sa.BindParameter[datetime]) -> sa.Select[Any]:
    due = sa.func.coalesce(runs.c.due_at, runs.c.created_at)
    return (
        sa.select(runs, schedules.c.name.label("schedule_name"))
        .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
        .where(_is_claimable(now))
        .order_by(_waiting_since(), runs.c.created_at, due, runs.c.id)
        .limit(1)
        .with_for_update(of=runs, skip_locked=True)
    )


# Built once: an idle worker asks twice a second, and building these queries costs more than executing them.
_NOW = sa.bindparam("now", type_=UtcDateTime)
_ANY_CLAIMABLE = sa.select(runs.c.id).where(_is_claimable(_NOW)).limit(1)
_NEXT_CLAIMABLE = _next(_NOW)


def any_claimable(connection: sa.Connection) -> bool:
    """Return whether a run may be claimed now. Takes no lock."""
    return connection.execute(_ANY_CLAIMABLE, {"now": database_now(connection)}).first() is not None


def queued_runs_of(connection: sa.Connection, schedule_id: str) -> list[str]:
    """Return the ids of a schedule's queued runs, in the order in which they are claimed."""
    due = sa.func.coalesce(runs.c.due_at, runs.c.created_at)
    queued = sa.select(runs.c.id).where(_IS_QUEUED, runs.c.schedule_id == schedule_id)
    return list(connection.scalars(queued.order_by(_waiting_since(), runs.c.created_at, due, runs.c.id)))


def next_claimable(connection: sa.Connection, now: datetime) -> Any:
    """Return the row of the next run to claim, locked, or None."""
    run = connection.execute(_NEXT_CLAIMABLE, {"now": now}).first()
    return run if run is not None and _is_alone(connection, run) else None


def _is_alone(connection: sa.Connection, run: Any) -> bool:
    """Return whether no other run of an exclusive run's schedule is running.

    On Postgres two claimants may see different runs as the first, if one with an earlier scheduled time has just been
    queued. The second claimant waits here for the first, and then sees its run.
    """
    if not run.exclusive:
        return True
    schedule = sa.select(schedules.c.id).where(schedules.c.id == run.schedule_id)
    connection.execute(schedule.with_for_update(key_share=True))
    return run.schedule_id not in busy_schedules(connection, IS_RUNNING)


def busy_schedules(connection: sa.Connection, condition: "sa.ColumnElement[bool]") -> set[str]:
    """Return the ids of the schedules with runs that meet `condition`.

    One query over the few unfinished runs, instead of one over all runs of each schedule.
    """
    query = sa.select(runs.c.schedule_id).where(condition, runs.c.schedule_id.is_not(None)).distinct()
    return set(connection.scalars(query))


def claimed_run(run: Any) -> ClaimedRun:
    """Return what a worker needs to execute the run of a row that it has just claimed."""
    return ClaimedRun(
        run_id=run.id,
        epoch=run.epoch + 1,
        attempt=run.attempts + 1,
        max_attempts=run.max_attempts,
        runbook=Path(run.runbook_path),
        runbook_name=run.runbook_name,
        trigger=run.trigger,
        created_at=run.created_at,
        working_directory=None if run.working_directory is None else Path(run.working_directory),
        schedule=run.schedule_name,
        due_at=run.due_at,
    )


def fence_off(connection: sa.Connection, run_id: str, epoch: int, *conditions: sa.ColumnElement[bool]) -> bool:
    """Raise a running run's epoch so that its owner writes nothing more; return False if `epoch` is outdated."""
    fenced = sa.update(runs).where(runs.c.id == run_id, runs.c.epoch == epoch, IS_RUNNING, *conditions)
    return connection.execute(fenced.values(epoch=epoch + 1)).rowcount == 1


def count_releases(connection: sa.Connection, run_id: str) -> int:
    """Return how many attempts at the run were released."""
    return connection.execute(_COUNT_RELEASES, {"released_run": run_id}).scalar_one()


def fail_or_requeue(
    connection: sa.Connection, run: Any, error: str, *, caller: Caller, prepared: StateChanges | None
) -> StaleRun:
    """Queue a run again whose attempt failed, or interrupt it after its last attempt.

    `prepared` is what `prepare_refresh` computed for the latter.
    """
    now = database_now(connection)
    if run.attempts < run.max_attempts:
        status = RunStatus.QUEUED
        requeue(connection, run.id, attempts=run.attempts)
        close_attempt(connection, run.id, RunStatus.INTERRUPTED.value, at=now, error=error)
    else:
        status = RunStatus.INTERRUPTED
        text = f"Attempt {run.attempts} of {run.max_attempts}: {error}"
        close_run(connection, run.id, status, caller=caller, at=now, error=text, prepared=prepared)
    return StaleRun(run.id, status, run.attempts, run.max_attempts, run.worker_id)


def requeue(connection: sa.Connection, run_id: str, *, attempts: int) -> None:
    """Queue a running run again; its running artifacts are pending again."""
    is_running = artifacts.c.status == ArtifactStatus.RUNNING.value
    connection.execute(
        sa.update(artifacts)
        .where(artifacts.c.run_number == run_number_of(run_id), is_running)
        .values(status=ArtifactStatus.PENDING.value, started_at=None)
    )
    connection.execute(
        sa.update(runs)
        .where(runs.c.id == run_id)
        .values(
            status=RunStatus.QUEUED.value,
            attempts=attempts,
            worker_id=None,
            lease_until=None,
            deadline=None,
            available_at=None,
        )
    )
