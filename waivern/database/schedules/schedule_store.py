"""Schedules in the database."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events import schedule_events
from waivern.database.events.schedule_rows import row_of, schedule_of
from waivern.database.schedules.firing import fire_due, insert_fires, insert_runs, run_row
from waivern.database.schema.tables import runs, schedule_triggers, schedules
from waivern.errors import ScheduleError, did_you_mean
from waivern.history.events import UNNAMED, EventKind
from waivern.runs.run import Trigger, new_run_id
from waivern.schedules.deciding import SkippedFire
from waivern.schedules.schedule import Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.schedule_store import Fired, FireRecord, LastRun, ScheduleStore

logger = logging.getLogger(__name__)

_KEPT = sa.select(schedules).where(schedules.c.removed_at.is_(None))
_FORGET_FIRE = sa.delete(schedule_triggers).where(
    schedule_triggers.c.schedule_id == sa.bindparam("of_schedule"),
    schedule_triggers.c.due_at == sa.bindparam("instant"),
)
_INSTANTS_A_QUESTION = 500
_CHANGES = 0x7363686564756C65  # Postgres' name of the lock under which schedules are changed


class SqlScheduleStore(ScheduleStore):
    """Every change locks the schedule's row, so that two services decide one after the other."""

    def __init__(self, engine: sa.Engine, *, actor: str = UNNAMED) -> None:
        self._engine = engine
        self._actor = actor

    def add(self, definition: ScheduleDefinition) -> Schedule:
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
            schedule_events.added(connection, schedule, actor=self._actor, at=now)
            return schedule

    def change(self, schedule_id: str, definition: ScheduleDefinition) -> Schedule:
        with _unique_name(definition.name):
            self._change(schedule_id, EventKind.SCHEDULE_CHANGED, lambda _now: row_of(definition))
        with self._engine.connect() as connection:
            return _of_id(connection, schedule_id)

    def find(self, name: str) -> Schedule:
        with self._engine.connect() as connection:
            row = connection.execute(_KEPT.where(schedules.c.name == name)).first()
            if row is not None:
                return schedule_of(row)
            names = list(connection.scalars(sa.select(schedules.c.name).where(schedules.c.removed_at.is_(None))))
        remedy = did_you_mean(name, names) or f"There are: {', '.join(sorted(names)[:20]) or 'none'}"
        raise ScheduleError(f"There is no schedule '{name}'", remedy=remedy)

    def all(self) -> Sequence[Schedule]:
        with self._engine.connect() as connection:
            return list(_readable(connection.execute(_KEPT.order_by(schedules.c.name)).all()))

    def pause(self, schedule_id: str, *, because: str | None = None) -> None:
        paused = {"status": ScheduleStatus.PAUSED.value, "paused_because": because}
        self._change(schedule_id, EventKind.SCHEDULE_PAUSED, lambda _now: paused)

    def resume(self, schedule_id: str) -> None:
        active = {"status": ScheduleStatus.ACTIVE.value, "paused_because": None}
        self._change(schedule_id, EventKind.SCHEDULE_RESUMED, lambda _now: active)

    def remove(self, schedule_id: str) -> None:
        removed = {"status": ScheduleStatus.REMOVED.value}
        self._change(schedule_id, EventKind.SCHEDULE_REMOVED, lambda now: {**removed, "removed_at": now})

    def revision(self) -> str:
        newest = sa.select(sa.func.count(), sa.func.max(schedules.c.changed_at))
        with self._engine.connect() as connection:
            number, changed_at = connection.execute(newest).one()
        return f"{number} {changed_at}"

    def fire(self, schedule_ids: Collection[str]) -> Sequence[Fired]:
        with writing(self._engine) as connection:
            rows = connection.execute(
                _KEPT.where(schedules.c.id.in_(schedule_ids)).order_by(schedules.c.id).with_for_update()
            ).all()
            now = database_now(connection)
            return fire_due(connection, list(_readable(rows)), now=now)

    def trigger(self, schedule_id: str) -> str:
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = database_now(connection)
            row = run_row(schedule, trigger=Trigger.TRIGGER, due_at=None, now=now)
            insert_runs(connection, [row])
            return str(row["id"])

    def without_run(self, schedule_id: str, instants: Sequence[datetime]) -> Sequence[datetime]:
        with self._engine.connect() as connection:
            return _without_run(connection, schedule_id, instants)

    def backfill(self, schedule_id: str, instants: Sequence[datetime]) -> Mapping[datetime, str]:
        self._settle_piece_by_piece(schedule_id)
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = database_now(connection)
            _settle(connection, schedule, now)
            wanted = [instant for instant in _without_run(connection, schedule_id, instants) if instant <= now]
            rows = [run_row(schedule, trigger=Trigger.BACKFILL, due_at=each, now=now) for each in wanted]
            insert_runs(connection, rows)
            run_ids = {instant: str(row["id"]) for instant, row in zip(wanted, rows, strict=True)}
            _replace_fires(connection, schedule_id, run_ids, now)
            return run_ids

    def fires(self, schedule_id: str, *, limit: int) -> Sequence[FireRecord]:
        newest = (
            sa.select(schedule_triggers)
            .where(schedule_triggers.c.schedule_id == schedule_id)
            .order_by(schedule_triggers.c.due_at.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [_fire_record(row) for row in connection.execute(newest)]

    def last_runs(self) -> Mapping[str, LastRun]:
        last, other = runs.alias("last"), runs.alias("other")
        newest = (
            sa.select(other.c.id)
            .where(other.c.schedule_id == schedules.c.id)
            .order_by(other.c.created_at.desc(), other.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        kept = (
            sa.select(last.c.schedule_id, last.c.id, last.c.status, last.c.trigger, last.c.due_at, last.c.started_at)
            .join_from(schedules, last, last.c.id == newest)
            .where(schedules.c.removed_at.is_(None))
        )
        with self._engine.connect() as connection:
            return {
                row.schedule_id: LastRun(row.id, row.status, _due_by_the_clock(row), row.started_at)
                for row in connection.execute(kept)
            }

    def _change(self, schedule_id: str, kind: EventKind, columns: Callable[[datetime], dict[str, Any]]) -> None:
        """What is due by now is decided under the old terms first."""
        self._settle_piece_by_piece(schedule_id)
        with writing(self._engine) as connection:
            schedule = _locked(connection, schedule_id)
            now = database_now(connection)
            _settle(connection, schedule, now)
            changed = {"changed_at": _later_than_all(connection, now), **columns(now)}
            connection.execute(sa.update(schedules).where(schedules.c.id == schedule_id), changed)
            after = _of_id(connection, schedule_id)
            schedule_events.changed(connection, schedule, after, kind, actor=self._actor, at=now)

    def _settle_piece_by_piece(self, schedule_id: str) -> None:
        """Years of due instants in one transaction would keep everybody else from writing."""
        while any(not fired.is_complete for fired in self.fire([schedule_id])):
            continue


def _readable(rows: Sequence[Any]) -> Iterator[Schedule]:
    """One schedule that cannot be kept here, for want of its time zone, must not stop all the others."""
    for row in rows:
        try:
            yield schedule_of(row)
        except ScheduleError as error:
            logger.error("The schedule '%s' cannot be kept: %s", row.name, error, extra={"schedule": row.name})


@contextmanager
def _unique_name(name: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise ScheduleError(
            f"There is a schedule '{name}' already", remedy="Give another name, or remove or change that one"
        ) from error


def _of_id(connection: sa.Connection, schedule_id: Any) -> Schedule:
    return schedule_of(connection.execute(sa.select(schedules).where(schedules.c.id == schedule_id)).one())


def _locked(connection: sa.Connection, schedule_id: str) -> Schedule:
    row = connection.execute(_KEPT.where(schedules.c.id == schedule_id).with_for_update()).first()
    if row is None:
        raise ScheduleError("The schedule has been removed meanwhile", remedy="See `waivern schedule list`")
    return schedule_of(row)


def _later_than_all(connection: sa.Connection, now: datetime) -> datetime:
    """When a change is said to have happened: after all before it, or a service that looks at the newest misses it.

    A clock may be set back, and of two changes at once the one that began later may be committed first; on Postgres
    they are made one after the other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHANGES)))
    newest: datetime | None = connection.execute(sa.select(sa.func.max(schedules.c.changed_at))).scalar_one()
    return now if newest is None else max(now, newest + datetime.resolution)


def _settle(connection: sa.Connection, schedule: Schedule, now: datetime) -> None:
    """Decide everything that is due by now, however much it is."""
    while not fire_due(connection, [schedule], now=now)[0].is_complete:
        schedule = _of_id(connection, schedule.id)


def _without_run(connection: sa.Connection, schedule_id: str, instants: Sequence[datetime]) -> list[datetime]:
    with_run: set[datetime] = set()
    for start in range(0, len(instants), _INSTANTS_A_QUESTION):
        asked = list(instants[start : start + _INSTANTS_A_QUESTION])
        found = sa.select(runs.c.due_at).where(runs.c.schedule_id == schedule_id, runs.c.due_at.in_(asked))
        with_run.update(connection.scalars(found))
    return [instant for instant in instants if instant not in with_run]


def _replace_fires(connection: sa.Connection, schedule_id: str, run_ids: Mapping[datetime, str], now: datetime) -> None:
    """A run takes the place of the reason why there was none."""
    if run_ids:
        connection.execute(_FORGET_FIRE, [{"of_schedule": schedule_id, "instant": each} for each in run_ids])
    made = {"schedule_id": schedule_id, "skip_reason": None, "decided_at": now}
    insert_fires(connection, [{**made, "due_at": due, "run_id": run} for due, run in run_ids.items()])


def _due_by_the_clock(row: Any) -> datetime | None:
    due_at: datetime | None = row.due_at
    return None if row.trigger == Trigger.BACKFILL else due_at


def _fire_record(row: Any) -> FireRecord:
    skipped = None if row.skip_reason is None else SkippedFire(row.skip_reason)
    return FireRecord(row.due_at, row.run_id, skipped, row.decided_at)
