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
from waivern.database.runs.run_queue import IS_UNFINISHED, busy_schedules
from waivern.database.schedules import runbook_faults
from waivern.database.schedules.clock_corrections import correct, is_ahead
from waivern.database.schedules.decided_times import newest_triggers, note_backfilled, runs_after
from waivern.database.schedules.last_runs import read_last_runs
from waivern.database.schedules.triggering import (
    Evaluated,
    evaluate_pending,
    insert_runs,
    insert_triggers,
    read_pending,
    record,
    run_row,
)
from waivern.database.schema.tables import runs, schedules
from waivern.errors import ScheduleError, did_you_mean
from waivern.history.events import EventKind
from waivern.runs.run import Trigger, new_run_id
from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import (
    DEFAULT_CALLER,
    EvaluationResult,
    LastRun,
    RunbookFault,
    ScheduleStore,
    TriggerRecord,
    UnusableSchedule,
)

_NOT_REMOVED = sa.select(schedules).where(schedules.c.removed_at.is_(None))
_MAX_TIMES_PER_QUERY = 500
_CHANGES_LOCK = 0x7363686564756C65  # the key of Postgres' advisory lock for changes of schedules


class SqlScheduleStore(ScheduleStore):
    """Every change and evaluation locks the schedule's row, so that two services do so one after the other.

    Args:
        engine: The database.
        read_clock: Returns the present within a transaction: by the database's clock.
    """

    def __init__(self, engine: sa.Engine, *, read_clock: Callable[[sa.Connection], datetime] = database_now) -> None:
        self._engine = engine
        self._now = read_clock

    def add(self, definition: ScheduleDefinition, *, caller: Caller) -> Schedule:
        with writing(self._engine) as connection, _unique_name(definition.name):
            now = self._now(connection)
            definition = definition.anchored_before(now)
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
            self._change(
                schedule_id,
                EventKind.SCHEDULE_CHANGED,
                lambda now: row_of(definition.anchored_before(now)),
                caller=caller,
            )
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

    def now(self) -> datetime:
        with self._engine.connect() as connection:
            return self._now(connection)

    def triggered_after(self, now: datetime) -> Mapping[str, frozenset[datetime]]:
        with self._engine.connect() as connection:
            return runs_after(connection, now)

    def evaluate(self, schedule_ids: Collection[str], *, caller: Caller = DEFAULT_CALLER) -> Sequence[EvaluationResult]:
        with self._engine.connect() as connection:
            of_ids = _NOT_REMOVED.where(schedules.c.id.in_(schedule_ids)).order_by(schedules.c.id)
            due = _usable(connection.execute(of_ids).all())[0]
            now = self._now(connection)
            pending = read_pending(connection, [schedule for schedule in due if not is_ahead(schedule, now)], now=now)
        evaluated = {item.schedule.id: item for item in evaluate_pending(pending)}  # may take seconds: no transaction
        with writing(self._engine) as connection:
            locked = _usable(connection.execute(of_ids.with_for_update()).all())[0]
            busy = busy_schedules(connection, IS_UNFINISHED)
            current = [
                item
                for schedule in locked
                if (item := evaluated.get(schedule.id)) is not None and _is_current(item, schedule, busy)
            ]
            ahead = [schedule for schedule in locked if is_ahead(schedule, now)]
            results = [*record(connection, current, now=now), *self._correct(connection, ahead, caller)]
        done = {result.schedule_id for result in results}
        later = [
            EvaluationResult(schedule.id, now, {}, 0, is_complete=False)
            for schedule in locked
            if schedule.id not in done
        ]
        return [*results, *later]

    def _correct(
        self, connection: sa.Connection, ahead: Sequence[Schedule], caller: Caller
    ) -> Iterator[EvaluationResult]:
        """Correct schedules whose rows are locked, unless the clock has just been set forward again."""
        if not ahead:
            return
        now = self._now(connection)
        changed_at = _later_than_all(connection, now)
        for schedule in (schedule for schedule in ahead if is_ahead(schedule, now)):
            correction = correct(connection, schedule, now=now, changed_at=changed_at, caller=caller)
            yield EvaluationResult(schedule.id, now, {}, 0, is_complete=False, correction=correction)

    def trigger(self, schedule_id: str) -> str:
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = self._now(connection)
            row = run_row(schedule, trigger=Trigger.TRIGGER, due_at=None, now=now)
            insert_runs(connection, [row])
            return str(row["id"])

    def times_without_run(self, schedule_id: str, times: Sequence[datetime]) -> Sequence[datetime]:
        with self._engine.connect() as connection:
            return _times_without_run(connection, schedule_id, times)

    def backfill(self, schedule_id: str, times: Sequence[datetime]) -> Mapping[datetime, str]:
        self._evaluate_in_steps(schedule_id, DEFAULT_CALLER)
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = self._now(connection)
            self._evaluate_fully(connection, schedule, now)
            due = [time for time in _times_without_run(connection, schedule_id, times) if time <= now]
            rows = [run_row(schedule, trigger=Trigger.BACKFILL, due_at=due_at, now=now) for due_at in due]
            insert_runs(connection, rows)
            run_ids = {due_at: str(row["id"]) for due_at, row in zip(due, rows, strict=True)}
            note_backfilled(connection, schedule_id, due)
            triggers = [
                {"schedule_id": schedule_id, "due_at": due_at, "run_id": run_id, "decided_at": now}
                for due_at, run_id in run_ids.items()
            ]
            insert_triggers(connection, triggers)
            return run_ids

    def triggers(self, schedule_id: str, *, limit: int) -> Sequence[TriggerRecord]:
        with self._engine.connect() as connection:
            return newest_triggers(connection, schedule_id, limit=limit)

    def last_runs(self) -> Mapping[str, LastRun]:
        with self._engine.connect() as connection:
            return read_last_runs(connection)

    def _change(
        self, schedule_id: str, kind: EventKind, columns: Callable[[datetime], dict[str, Any]], *, caller: Caller
    ) -> None:
        """Evaluate the schedule under its old settings, then update its row."""
        self._evaluate_in_steps(schedule_id, caller)
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = self._now(connection)
            self._evaluate_fully(connection, schedule, now)
            changed = {"changed_at": _later_than_all(connection, now), **columns(now)}
            connection.execute(sa.update(schedules).where(schedules.c.id == schedule_id), changed)
            after = _of_id(connection, schedule_id)
            schedule_events.changed(connection, schedule, after, kind, actor=str(caller), at=now)

    def _evaluate_in_steps(self, schedule_id: str, caller: Caller) -> None:
        """Evaluate in several transactions: years of scheduled times in one would block all other writers."""
        while any(not result.is_complete for result in self.evaluate([schedule_id], caller=caller)):
            continue

    def _evaluate_fully(self, connection: sa.Connection, schedule: Schedule, now: datetime) -> None:
        """Evaluate a schedule whose row is locked, and which was evaluated just before."""
        is_complete = False
        while not is_complete:
            evaluated = evaluate_pending(read_pending(connection, [schedule], now=now))
            (result,) = record(connection, evaluated, now=now)
            is_complete, schedule = result.is_complete, _of_id(connection, schedule.id)


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


def _times_without_run(connection: sa.Connection, schedule_id: str, times: Sequence[datetime]) -> list[datetime]:
    with_run: set[datetime] = set()
    for start in range(0, len(times), _MAX_TIMES_PER_QUERY):
        chunk = list(times[start : start + _MAX_TIMES_PER_QUERY])
        query = sa.select(runs.c.due_at).where(runs.c.schedule_id == schedule_id, runs.c.due_at.in_(chunk))
        with_run.update(connection.scalars(query))
    return [time for time in times if time not in with_run]


def _is_current(evaluated: Evaluated, locked: Schedule, busy: Collection[str]) -> bool:
    """Return whether what was computed for a schedule still holds, now that its row is locked."""
    return evaluated.schedule == locked and evaluated.was_busy == (locked.id in busy)
