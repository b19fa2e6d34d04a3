"""Schedules, stored in the database."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events import schedule_events
from waivern.database.events.schedule_rows import row_of, schedule_of
from waivern.database.schedules import runbook_faults
from waivern.database.schedules.triggering import insert_runs, insert_triggers, run_row, trigger_due
from waivern.database.schema.tables import runs, schedule_triggers, schedules
from waivern.errors import ScheduleError, did_you_mean
from waivern.history.events import EventKind
from waivern.runs.run import Trigger, new_run_id
from waivern.schedules.evaluation import TriggerSkipReason
from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import (
    EvaluationResult,
    LastRun,
    RunbookFault,
    ScheduleStore,
    TriggerRecord,
    UnusableSchedule,
)

_NOT_REMOVED = sa.select(schedules).where(schedules.c.removed_at.is_(None))
_DELETE_TRIGGER = sa.delete(schedule_triggers).where(
    schedule_triggers.c.schedule_id == sa.bindparam("of_schedule"),
    schedule_triggers.c.due_at == sa.bindparam("of_time"),
)
_MAX_TIMES_PER_QUERY = 500
_CHANGES_LOCK = 0x7363686564756C65  # the key of Postgres' advisory lock for changes of schedules


class SqlScheduleStore(ScheduleStore):
    """Every change and evaluation locks the schedule's row, so that two services do so one after the other."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, definition: ScheduleDefinition, *, caller: Caller) -> Schedule:
        with writing(self._engine) as connection, _unique_name(definition.name):
            now = database_now(connection)
            values = {
                "id": new_run_id(now),
                "status": ScheduleStatus.ACTIVE.value,
                "evaluated_until": now,
                "created_at": now,
                "changed_at": _later_than_all(connection, now),
                **row_of(definition),
            }
            connection.execute(sa.insert(schedules), values)
            schedule = _of_id(connection, values["id"])
            schedule_events.added(connection, schedule, actor=str(caller), at=now)
            return schedule

    def change(self, schedule_id: str, definition: ScheduleDefinition, *, caller: Caller) -> Schedule:
        with _unique_name(definition.name):
            self._change(schedule_id, EventKind.SCHEDULE_CHANGED, lambda _now: row_of(definition), caller=caller)
        with self._engine.connect() as connection:
            return _of_id(connection, schedule_id)

    def find(self, name: str) -> Schedule:
        with self._engine.connect() as connection:
            row = connection.execute(_NOT_REMOVED.where(schedules.c.name == name)).first()
            if row is not None:
                return schedule_of(row)
            names = list(connection.scalars(sa.select(schedules.c.name).where(schedules.c.removed_at.is_(None))))
        remedy = did_you_mean(name, names) or f"Existing schedules: {', '.join(sorted(names)[:20]) or 'none'}"
        raise ScheduleError(f"There is no schedule '{name}'", remedy=remedy)

    def all(self) -> Sequence[Schedule]:
        with self._engine.connect() as connection:
            return _usable(connection.execute(_NOT_REMOVED.order_by(schedules.c.name)).all())[0]

    def unusable(self) -> Sequence[UnusableSchedule]:
        with self._engine.connect() as connection:
            return _usable(connection.execute(_NOT_REMOVED.order_by(schedules.c.name)).all())[1]

    def replace_runbook_faults(self, folder: str, faults: Mapping[str, str]) -> None:
        runbook_faults.replace_faults(self._engine, folder, faults)

    def runbook_faults(self) -> Sequence[RunbookFault]:
        return runbook_faults.read_faults(self._engine)

    def pause(self, schedule_id: str, *, caller: Caller, because: str | None = None) -> None:
        paused = {"status": ScheduleStatus.PAUSED.value, "paused_because": because}
        self._change(schedule_id, EventKind.SCHEDULE_PAUSED, lambda _now: paused, caller=caller)

    def resume(self, schedule_id: str, *, caller: Caller) -> None:
        active = {"status": ScheduleStatus.ACTIVE.value, "paused_because": None}
        self._change(schedule_id, EventKind.SCHEDULE_RESUMED, lambda _now: active, caller=caller)

    def remove(self, schedule_id: str, *, caller: Caller) -> None:
        def removed(now: datetime) -> dict[str, Any]:
            return {"status": ScheduleStatus.REMOVED.value, "removed_at": now}

        self._change(schedule_id, EventKind.SCHEDULE_REMOVED, removed, caller=caller)

    def revision(self) -> str:
        newest = sa.select(sa.func.count(), sa.func.max(schedules.c.changed_at))
        with self._engine.connect() as connection:
            number, changed_at = connection.execute(newest).one()
        return f"{number} {changed_at}"

    def evaluate(self, schedule_ids: Collection[str]) -> Sequence[EvaluationResult]:
        with writing(self._engine) as connection:
            rows = connection.execute(
                _NOT_REMOVED.where(schedules.c.id.in_(schedule_ids)).order_by(schedules.c.id).with_for_update()
            ).all()
            now = database_now(connection)
            return trigger_due(connection, _usable(rows)[0], now=now)

    def trigger(self, schedule_id: str) -> str:
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = database_now(connection)
            row = run_row(schedule, trigger=Trigger.TRIGGER, due_at=None, now=now)
            insert_runs(connection, [row])
            return str(row["id"])

    def times_without_run(self, schedule_id: str, times: Sequence[datetime]) -> Sequence[datetime]:
        with self._engine.connect() as connection:
            return _times_without_run(connection, schedule_id, times)

    def backfill(self, schedule_id: str, times: Sequence[datetime]) -> Mapping[datetime, str]:
        self._evaluate_in_steps(schedule_id)
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = database_now(connection)
            _evaluate_fully(connection, schedule, now)
            due = [time for time in _times_without_run(connection, schedule_id, times) if time <= now]
            rows = [run_row(schedule, trigger=Trigger.BACKFILL, due_at=due_at, now=now) for due_at in due]
            insert_runs(connection, rows)
            run_ids = {due_at: str(row["id"]) for due_at, row in zip(due, rows, strict=True)}
            _replace_triggers(connection, schedule_id, run_ids, now)
            return run_ids

    def triggers(self, schedule_id: str, *, limit: int) -> Sequence[TriggerRecord]:
        newest = (
            sa.select(schedule_triggers)
            .where(schedule_triggers.c.schedule_id == schedule_id)
            .order_by(schedule_triggers.c.due_at.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [_trigger_record(row) for row in connection.execute(newest)]

    def last_runs(self) -> Mapping[str, LastRun]:
        last, other = runs.alias("last"), runs.alias("other")
        newest = (
            sa.select(other.c.id)
            .where(other.c.schedule_id == schedules.c.id)
            .order_by(other.c.created_at.desc(), other.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        last_runs = (
            sa.select(last.c.schedule_id, last.c.id, last.c.status, last.c.trigger, last.c.due_at, last.c.started_at)
            .join_from(schedules, last, last.c.id == newest)
            .where(schedules.c.removed_at.is_(None))
        )
        with self._engine.connect() as connection:
            return {
                row.schedule_id: LastRun(row.id, row.status, _due_on_schedule(row), row.started_at)
                for row in connection.execute(last_runs)
            }

    def _change(
        self, schedule_id: str, kind: EventKind, columns: Callable[[datetime], dict[str, Any]], *, caller: Caller
    ) -> None:
        """Evaluate the schedule under its old terms, then update its row."""
        self._evaluate_in_steps(schedule_id)
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = database_now(connection)
            _evaluate_fully(connection, schedule, now)
            changed = {"changed_at": _later_than_all(connection, now), **columns(now)}
            connection.execute(sa.update(schedules).where(schedules.c.id == schedule_id), changed)
            after = _of_id(connection, schedule_id)
            schedule_events.changed(connection, schedule, after, kind, actor=str(caller), at=now)

    def _evaluate_in_steps(self, schedule_id: str) -> None:
        """Evaluate in several transactions: years of scheduled times in one would block all other writers."""
        while any(not result.is_complete for result in self.evaluate([schedule_id])):
            continue


def _usable(rows: Sequence[Any]) -> tuple[list[Schedule], list[UnusableSchedule]]:
    """Separate the schedules that can be used: one whose time zone is not known here does not stop the others."""
    usable: list[Schedule] = []
    unusable: list[UnusableSchedule] = []
    for row in rows:
        try:
            usable.append(schedule_of(row))
        except (ScheduleError, ValueError, TypeError) as error:
            unusable.append(UnusableSchedule(row.id, row.name, str(error)))
    return usable, unusable


@contextmanager
def _unique_name(name: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise ScheduleError(
            f"There is already a schedule '{name}'", remedy="Choose a different name, or change or remove that one"
        ) from error


def _of_id(connection: sa.Connection, schedule_id: Any) -> Schedule:
    return schedule_of(connection.execute(sa.select(schedules).where(schedules.c.id == schedule_id)).one())


def _locked(connection: sa.Connection, schedule_id: str) -> Schedule:
    row = connection.execute(_NOT_REMOVED.where(schedules.c.id == schedule_id).with_for_update()).first()
    if row is None:
        raise ScheduleError("The schedule was removed in the meantime", remedy="See `waivern schedule list`")
    return schedule_of(row)


def _later_than_all(connection: sa.Connection, now: datetime) -> datetime:
    """Return a time of change later than all earlier ones, so that a service that compares the newest sees the change.

    The clock may have been set back. And of two concurrent changes the one that began later may be committed first,
    so on Postgres a lock makes changes sequential; SQLite has a single writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHANGES_LOCK)))
    newest: datetime | None = connection.execute(sa.select(sa.func.max(schedules.c.changed_at))).scalar_one()
    return now if newest is None else max(now, newest + datetime.resolution)


def _evaluate_fully(connection: sa.Connection, schedule: Schedule, now: datetime) -> None:
    while not trigger_due(connection, [schedule], now=now)[0].is_complete:
        schedule = _of_id(connection, schedule.id)


def _times_without_run(connection: sa.Connection, schedule_id: str, times: Sequence[datetime]) -> list[datetime]:
    with_run: set[datetime] = set()
    for start in range(0, len(times), _MAX_TIMES_PER_QUERY):
        chunk = list(times[start : start + _MAX_TIMES_PER_QUERY])
        query = sa.select(runs.c.due_at).where(runs.c.schedule_id == schedule_id, runs.c.due_at.in_(chunk))
        with_run.update(connection.scalars(query))
    return [time for time in times if time not in with_run]


def _replace_triggers(
    connection: sa.Connection, schedule_id: str, run_ids: Mapping[datetime, str], now: datetime
) -> None:
    """Replace the reason why there was no run by the run."""
    if run_ids:
        connection.execute(_DELETE_TRIGGER, [{"of_schedule": schedule_id, "of_time": due_at} for due_at in run_ids])
    common = {"schedule_id": schedule_id, "skip_reason": None, "decided_at": now}
    insert_triggers(connection, [{**common, "due_at": due, "run_id": run} for due, run in run_ids.items()])


def _due_on_schedule(row: Any) -> datetime | None:
    due_at: datetime | None = row.due_at
    return None if row.trigger == Trigger.BACKFILL else due_at


def _trigger_record(row: Any) -> TriggerRecord:
    skipped = None if row.skip_reason is None else TriggerSkipReason(row.skip_reason)
    return TriggerRecord(row.due_at, row.run_id, skipped, row.decided_at)
