"""The queue of runs in the database, and how a run changes hands."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.database.clock import database_now
from waivern.database.engine import writing
from waivern.database.owner import Owner
from waivern.database.run_ends import begin_attempt, write_end, write_end_of_attempt
from waivern.database.run_register import is_abandoned
from waivern.database.run_writer import DEFAULT_LEASE_S
from waivern.database.tables import artifacts, runs, schedules
from waivern.errors import RunError
from waivern.runs.run import ArtifactStatus, RunStatus, new_run_id
from waivern.runs.run_queue import HANDED_BACK, ClaimedRun, LostRun, NewRun, RunQueue, RunState

_QUEUED = runs.c.status == RunStatus.QUEUED.value
_RUNNING = runs.c.status == RunStatus.RUNNING.value
_NO_SIGN_OF_LIFE = "its worker gave no sign of life"


def enqueue(connection: sa.Connection, run: NewRun, *, now: datetime, **of_schedule: Any) -> str:
    """Insert a queued run; `of_schedule` are further columns that only a schedule's run has."""
    run_id = new_run_id(now)
    values = {
        "id": run_id,
        "runbook_name": run.runbook_name,
        "trigger": run.trigger,
        "status": RunStatus.QUEUED.value,
        "epoch": 0,
        "created_at": now,
        "runbook_path": str(run.runbook),
        "working_directory": None if run.working_directory is None else str(run.working_directory),
        "priority": run.priority,
        "available_at": run.available_at,
        "one_at_a_time": False,
        "attempts": 0,
        "max_attempts": run.max_attempts,
        **of_schedule,
    }
    connection.execute(sa.insert(runs), values)
    return run_id


class SqlRunQueue(RunQueue):
    """Claims in the name of this process, or hands claims on to one that it started.

    Postgres passes by what another claimer has locked (`FOR UPDATE SKIP LOCKED`); on SQLite one claims at a time.

    Args:
        engine: Where runs are kept.
        lease_s: Seconds for which a claimed run stays the claimant's without a sign of life.
    """

    def __init__(self, engine: sa.Engine, *, lease_s: float = DEFAULT_LEASE_S) -> None:
        self._engine = engine
        self._lease = timedelta(seconds=lease_s)

    @property
    def lease_s(self) -> float:
        return self._lease.total_seconds()

    def add(self, run: NewRun) -> str:
        with writing(self._engine) as connection:
            return enqueue(connection, run, now=database_now(connection))

    def claim(self) -> ClaimedRun | None:
        if not self._somebody_waits():
            return None
        with writing(self._engine) as connection:
            now = database_now(connection)
            run = connection.execute(_next(now)).first()
            if run is None:
                return None
            worker = str(Owner.this_process())
            connection.execute(
                sa.update(runs).where(runs.c.id == run.id),
                {
                    "status": RunStatus.RUNNING.value,
                    "epoch": run.epoch + 1,
                    "attempts": run.attempts + 1,
                    "worker_id": worker,
                    "lease_until": now + self._lease,
                    "ended_at": None,
                    "error": None,
                },
            )
            begin_attempt(connection, run.id, run.epoch + 1, worker=worker, at=now)
            return _claimed(run)

    def states_of(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        wanted = sa.select(runs.c.id, runs.c.epoch, runs.c.status).where(runs.c.id.in_(run_ids))
        with self._engine.connect() as connection:
            return {row.id: RunState(row.epoch, RunStatus(row.status)) for row in connection.execute(wanted)}

    def end(self, run_id: str, epoch: int, status: RunStatus, *, error: str | None = None) -> bool:
        with writing(self._engine) as connection:
            if not _take_from(connection, run_id, epoch):
                return False
            write_end(connection, run_id, status, at=database_now(connection), error=error)
            return True

    def lose(self, run_id: str, epoch: int, *, error: str) -> LostRun | None:
        with writing(self._engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).first()
            if run is None or not _take_from(connection, run_id, epoch):
                return None
            return _lost(connection, run, error)

    def hand_back(self, run_id: str, epoch: int) -> bool:
        with writing(self._engine) as connection:
            if not _take_from(connection, run_id, epoch):
                return False
            _queue_again(connection, run_id, attempts=runs.c.attempts - 1)
            write_end_of_attempt(connection, run_id, HANDED_BACK, at=database_now(connection), error=None)
            return True

    def recover(self) -> Sequence[LostRun]:
        with self._engine.connect() as connection:
            now = database_now(connection)
            running = connection.execute(sa.select(runs).where(_RUNNING, runs.c.runbook_path.is_not(None))).all()
        abandoned = [run for run in running if is_abandoned(owner=run.worker_id, lease_until=run.lease_until, now=now)]
        return [lost for run in abandoned if (lost := self._recovered(run)) is not None]

    def cancel(self, run_id: str) -> RunStatus:
        with writing(self._engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id).with_for_update()).first()
            if run is None:
                raise RunError(f"There is no run {run_id}", remedy="See `waivern history`")
            before = RunStatus(run.status)
            if before not in (RunStatus.QUEUED, RunStatus.RUNNING):
                raise RunError(f"The run {run_id} has ended already: {before.value.replace('_', ' ')}")
            connection.execute(sa.update(runs).where(runs.c.id == run_id), {"epoch": run.epoch + 1})
            write_end(connection, run_id, RunStatus.CANCELLED, at=database_now(connection), error=None)
            return before

    def _somebody_waits(self) -> bool:
        """Without a lock, for a worker asks this all the time."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(runs.c.id).where(_QUEUED).limit(1)).first() is not None

    def _recovered(self, run: Any) -> LostRun | None:
        """It may have shown a sign of life since it was looked at; then it keeps its run."""
        with writing(self._engine) as connection:
            if not _take_from(connection, run.id, run.epoch, runs.c.lease_until == run.lease_until):
                return None
            return _lost(connection, run, _NO_SIGN_OF_LIFE)


def _next(now: datetime) -> sa.Select[Any]:
    """The run to be claimed; of a schedule whose runs go one at a time, only the one that is due first."""
    other = runs.alias("other")
    due = sa.func.coalesce(runs.c.due_at, runs.c.created_at)
    due_of_other = sa.func.coalesce(other.c.due_at, other.c.created_at)
    goes_first = sa.or_(
        other.c.status == RunStatus.RUNNING.value,
        sa.and_(
            other.c.status == RunStatus.QUEUED.value, sa.tuple_(due_of_other, other.c.id) < sa.tuple_(due, runs.c.id)
        ),
    )
    another = sa.exists().where(other.c.schedule_id == runs.c.schedule_id, other.c.id != runs.c.id, goes_first)
    is_free = sa.or_(runs.c.one_at_a_time.is_(sa.false()), ~another)
    return (
        sa.select(runs, schedules.c.name.label("schedule_name"))
        .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
        .where(_QUEUED, sa.or_(runs.c.available_at.is_(None), runs.c.available_at <= now), is_free)
        .order_by(runs.c.priority.desc(), runs.c.created_at, due, runs.c.id)
        .limit(1)
        .with_for_update(of=runs, skip_locked=True)
    )


def _claimed(run: Any) -> ClaimedRun:
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


def _take_from(connection: sa.Connection, run_id: str, epoch: int, *further: sa.ColumnElement[bool]) -> bool:
    """Raise the epoch, so that whoever had the run writes nothing more; False where it had changed hands already."""
    taken = sa.update(runs).where(runs.c.id == run_id, runs.c.epoch == epoch, _RUNNING, *further)
    return connection.execute(taken.values(epoch=epoch + 1)).rowcount == 1


def _lost(connection: sa.Connection, run: Any, error: str) -> LostRun:
    """What becomes of a run that was taken from a worker that is gone."""
    now = database_now(connection)
    if run.attempts < run.max_attempts:
        status = RunStatus.QUEUED
        _queue_again(connection, run.id, attempts=run.attempts)
        write_end_of_attempt(connection, run.id, RunStatus.INTERRUPTED.value, at=now, error=error)
    else:
        status = RunStatus.INTERRUPTED
        text = f"Attempt {run.attempts} of {run.max_attempts}: {error}"
        write_end(connection, run.id, status, at=now, error=text)
    return LostRun(run.id, status, run.attempts, run.max_attempts, run.worker_id)


def _queue_again(connection: sa.Connection, run_id: str, *, attempts: "sa.ColumnElement[int] | int") -> None:
    of_run = artifacts.c.run_id == run_id
    unfinished = artifacts.c.status == ArtifactStatus.RUNNING.value
    connection.execute(
        sa.update(artifacts).where(of_run, unfinished).values(status=ArtifactStatus.PENDING.value, started_at=None)
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
