"""The queue of runs in the database, and how a run changes hands."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.column_types import UtcDateTime
from waivern.database.connection.engine import writing
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.run_closing import begin_attempt, write_end, write_end_of_attempt
from waivern.database.runs.run_register import is_abandoned
from waivern.database.runs.run_writer import DEFAULT_LEASE_S
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, run_attempts, runs, schedules
from waivern.errors import RunError
from waivern.history.events import UNNAMED
from waivern.runs.run import ArtifactStatus, RunStatus, new_run_id
from waivern.runs.run_queue import HANDED_BACK, MOST_HANDED_BACK, ClaimedRun, LostRun, NewRun, RunQueue, RunState

_QUEUED = runs.c.status == RunStatus.QUEUED.value
_RUNNING = runs.c.status == RunStatus.RUNNING.value
UNFINISHED = runs.c.status.in_((RunStatus.QUEUED.value, RunStatus.RUNNING.value))
_NO_SIGN_OF_LIFE = "its worker gave no sign of life"
_HANDED_BACK_TOO_OFTEN = (
    f"it was handed back {MOST_HANDED_BACK} times: by services that stopped, or as the database went"
)
_TIMES_HANDED_BACK = (
    sa.select(sa.func.count())
    .select_from(run_attempts)
    .where(run_attempts.c.run_id == sa.bindparam("of_run"), run_attempts.c.outcome == HANDED_BACK)
)


def queued_row(run: NewRun, *, now: datetime, **of_schedule: Any) -> dict[str, Any]:
    """Return the row of a run that waits; `of_schedule` are further columns that only a schedule's run has."""
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
        **of_schedule,
    }


class SqlRunQueue(RunQueue):
    """Claims in the name of this process, or hands claims on to one that it started.

    Postgres passes by what another claimer has locked (`FOR UPDATE SKIP LOCKED`); on SQLite one claims at a time.

    Args:
        engine: Where runs are kept.
        lease_s: Seconds for which a claimed run stays the claimant's without a sign of life.
        actor: Who ends and cancels runs, as events tell.
    """

    def __init__(self, engine: sa.Engine, *, lease_s: float = DEFAULT_LEASE_S, actor: str = UNNAMED) -> None:
        self._engine = engine
        self._actor = actor
        self._lease = timedelta(seconds=lease_s)

    @property
    def lease_s(self) -> float:
        return self._lease.total_seconds()

    def add(self, run: NewRun) -> str:
        with writing(self._engine) as connection:
            row = queued_row(run, now=database_now(connection))
            connection.execute(sa.insert(runs), row)
            return str(row["id"])

    def claim(self) -> ClaimedRun | None:
        if not self._somebody_waits():
            return None
        with writing(self._engine) as connection:
            now = database_now(connection)
            run = connection.execute(_NEXT, {"now": now}).first()
            if run is None or not _goes_alone(connection, run):
                return None
            worker = str(ProcessIdentity.this_process())
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
            now = database_now(connection)
            write_end(connection, run_id, status, actor=self._actor, at=now, error=error)
            return True

    def lose(self, run_id: str, epoch: int, *, error: str) -> LostRun | None:
        with writing(self._engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).first()
            if run is None or not _take_from(connection, run_id, epoch):
                return None
            return _lost(connection, run, error, actor=self._actor)

    def hand_back(self, run_id: str, epoch: int) -> bool:
        with writing(self._engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).first()
            if run is None or not _take_from(connection, run_id, epoch):
                return False
            if connection.execute(_TIMES_HANDED_BACK, {"of_run": run_id}).scalar_one() >= MOST_HANDED_BACK:
                _lost(connection, run, _HANDED_BACK_TOO_OFTEN, actor=self._actor)
                return True
            _queue_again(connection, run_id, attempts=run.attempts - 1)
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
            now = database_now(connection)
            write_end(connection, run_id, RunStatus.CANCELLED, actor=self._actor, at=now, error=None)
            return before

    def _somebody_waits(self) -> bool:
        """Without a lock, for a worker asks this all the time, also while all that waits has to wait on."""
        with self._engine.connect() as connection:
            return connection.execute(_CLAIMABLE, {"now": database_now(connection)}).first() is not None

    def _recovered(self, run: Any) -> LostRun | None:
        """It may have shown a sign of life since it was looked at; then it keeps its run.

        Where its worker was stopped in the middle of a write, Postgres holds the row until it ends that connection;
        nobody else's runs wait for that.
        """
        with writing(self._engine) as connection:
            free = sa.select(runs.c.id).where(runs.c.id == run.id).with_for_update(skip_locked=True)
            if connection.execute(free).first() is None:
                return None
            if not _take_from(connection, run.id, run.epoch, runs.c.lease_until == run.lease_until):
                return None
            return _lost(connection, run, _NO_SIGN_OF_LIFE, actor=self._actor)


def _is_claimable(now: sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """What may be claimed; of a schedule whose runs go one at a time only the one that is due first, if none goes on.

    Only unfinished runs are looked at, each once: a schedule may have made a million before, and thousands may wait.
    """
    busy = sa.select(runs.c.schedule_id).where(_RUNNING, runs.c.schedule_id.is_not(None))
    due = sa.func.coalesce(runs.c.due_at, runs.c.created_at)
    place = sa.func.row_number().over(partition_by=runs.c.schedule_id, order_by=(due, runs.c.id)).label("location")
    queued = sa.select(runs.c.id, place).where(_QUEUED, runs.c.schedule_id.is_not(None)).subquery()
    goes_first = runs.c.id.in_(sa.select(queued.c.id).where(queued.c.location == 1))
    is_free = sa.or_(runs.c.exclusive.is_(sa.false()), sa.and_(runs.c.schedule_id.not_in(busy), goes_first))
    return sa.and_(_QUEUED, sa.or_(runs.c.available_at.is_(None), runs.c.available_at <= now), is_free)


def _next(now: sa.BindParameter[datetime]) -> sa.Select[Any]:
    """The run to be claimed."""
    due = sa.func.coalesce(runs.c.due_at, runs.c.created_at)
    return (
        sa.select(runs, schedules.c.name.label("schedule_name"))
        .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
        .where(_is_claimable(now))
        .order_by(runs.c.priority.desc(), runs.c.created_at, due, runs.c.id)
        .limit(1)
        .with_for_update(of=runs, skip_locked=True)
    )


# Made once: a worker with nothing to do asks twice a second, and making them is more work than asking.
_NOW = sa.bindparam("now", type_=UtcDateTime)
_CLAIMABLE = sa.select(runs.c.id).where(_is_claimable(_NOW)).limit(1)
_NEXT = _next(_NOW)


def _goes_alone(connection: sa.Connection, run: Any) -> bool:
    """Say whether no other run of its schedule goes on, where they go one at a time.

    On Postgres two claimants may see different runs go first, where one with an earlier due instant has just been
    queued; whoever comes second waits here for the first, and then sees its run.
    """
    if not run.exclusive:
        return True
    locked = sa.select(schedules.c.id).where(schedules.c.id == run.schedule_id)
    connection.execute(locked.with_for_update(key_share=True))
    return run.schedule_id not in busy_schedules(connection, _RUNNING)


def busy_schedules(connection: sa.Connection, which: "sa.ColumnElement[bool]") -> set[str]:
    """Return the ids of the schedules that have such runs; unfinished ones are few, all runs of a schedule many."""
    found = connection.scalars(sa.select(runs.c.schedule_id).where(which, runs.c.schedule_id.is_not(None)).distinct())
    return set(found)


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


def _lost(connection: sa.Connection, run: Any, error: str, *, actor: str) -> LostRun:
    """What becomes of a run that was taken from a worker that is gone."""
    now = database_now(connection)
    if run.attempts < run.max_attempts:
        status = RunStatus.QUEUED
        _queue_again(connection, run.id, attempts=run.attempts)
        write_end_of_attempt(connection, run.id, RunStatus.INTERRUPTED.value, at=now, error=error)
    else:
        status = RunStatus.INTERRUPTED
        text = f"Attempt {run.attempts} of {run.max_attempts}: {error}"
        write_end(connection, run.id, status, actor=actor, at=now, error=text)
    return LostRun(run.id, status, run.attempts, run.max_attempts, run.worker_id)


def _queue_again(connection: sa.Connection, run_id: str, *, attempts: int) -> None:
    of_run = artifacts.c.run_number == run_number_of(run_id)
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
