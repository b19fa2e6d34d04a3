"""The scheduler of a service, on a real database."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.faulty_services import eventually, this_second
from tests.builders.schedules import a_definition
from waivern.database.connection.engine import writing
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import schedule_triggers, schedules
from waivern.errors import DatabaseUnavailableError
from waivern.runs.run import utc_now
from waivern.schedules.schedule import CatchUp, Overlap, Schedule
from waivern.schedules.timing import Cron, Every
from waivern.service.database_watch import DatabaseWatch
from waivern.service.health import Health
from waivern.service.jobs.background_jobs import BackgroundJobs
from waivern.service.metrics import ServiceMetrics
from waivern.service.scheduler import Scheduler


@pytest.fixture
def store(engine: sa.Engine) -> SqlScheduleStore:
    return SqlScheduleStore(engine)


@pytest.fixture
def jobs() -> Iterator[BackgroundJobs]:
    jobs = BackgroundJobs(DatabaseWatch(ServiceMetrics()))
    jobs.start()
    yield jobs
    jobs.stop()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def scheduler(store: SqlScheduleStore, jobs: BackgroundJobs, health: Health) -> Iterator[Scheduler]:
    scheduler = Scheduler(store, jobs, on_queued=lambda: None, metrics=ServiceMetrics(), health=health)
    yield scheduler
    scheduler.stop()


def test_a_schedule_that_cannot_be_evaluated_stops_no_other_and_is_logged_once(
    engine: sa.Engine,
    store: SqlScheduleStore,
    scheduler: Scheduler,
    health: Health,
    caplog: pytest.LogCaptureFixture,
) -> None:
    timing = Every(1, this_second())
    definitions = [a_definition(timing, name=name, overlap=Overlap.ALLOW) for name in ("sound", "broken")]
    sound, broken = (store.add(definition, caller=CALLER) for definition in definitions)
    insert_conflicting_triggers(engine, broken, this_second())
    scheduler.start()
    eventually(lambda: len(store.triggers(sound.id, limit=10)) >= 3, within_s=15)
    assert caplog.text.count("The schedule 'broken' cannot be evaluated: IntegrityError") == 1
    (problem,) = health.problems()
    assert ("'broken'" in problem.text, problem.is_serious) == (True, False)


def insert_conflicting_triggers(engine: sa.Engine, schedule: Schedule, since: datetime) -> None:
    """Insert rows that Waivern itself never writes, but that a database restored from two backups may contain."""
    row = {"schedule_id": schedule.id, "skip_reason": "paused", "decided_at": since}
    with writing(engine) as connection:
        rows = [{**row, "due_at": since + timedelta(seconds=number)} for number in range(-5, 60)]
        connection.execute(sa.insert(schedule_triggers), rows)


def test_schedules_that_are_due_together_are_evaluated_with_few_statements(
    engine: sa.Engine, store: SqlScheduleStore
) -> None:
    ids = [store.add(a_definition(Cron("* * * * *"), name=f"s{number}"), caller=CALLER).id for number in range(100)]
    make_due_a_minute_ago(engine)
    statements = []
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    results = store.evaluate(ids)
    assert sum(len(result.runs) for result in results) == 100
    assert len(statements) < 10


def make_due_a_minute_ago(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(schedules).values(evaluated_until=utc_now() - timedelta(minutes=1)))


def test_a_changed_schedule_gets_a_new_alarm_and_a_removed_one_none(
    store: SqlScheduleStore, scheduler: Scheduler
) -> None:
    schedule = store.add(a_definition(Every(3600, this_second())), caller=CALLER)
    scheduler.start()
    time.sleep(1.5)
    assert store.triggers(schedule.id, limit=10) == []
    store.change(schedule.id, a_definition(Every(1, this_second()), overlap=Overlap.ALLOW), caller=CALLER)
    eventually(lambda: len(store.triggers(schedule.id, limit=10)) >= 2, within_s=10)
    store.remove(schedule.id, caller=CALLER)
    time.sleep(1.5)
    before = store.triggers(schedule.id, limit=100)
    time.sleep(2)
    assert store.triggers(schedule.id, limit=100) == before


class UnavailableStore(SqlScheduleStore):
    """A store whose database is unavailable until a time."""

    def __init__(self, engine: sa.Engine, until: float) -> None:
        super().__init__(engine)
        self._until = until

    def revision(self) -> str:
        self._raise_if_unavailable()
        return super().revision()

    def evaluate(self, schedule_ids):
        self._raise_if_unavailable()
        return super().evaluate(schedule_ids)

    def _raise_if_unavailable(self) -> None:
        if time.monotonic() < self._until:
            raise DatabaseUnavailableError("gone")


def test_a_database_that_is_unavailable_is_logged_once_and_no_scheduled_time_is_lost(
    engine: sa.Engine, store: SqlScheduleStore, jobs: BackgroundJobs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    terms = {"overlap": Overlap.ALLOW, "catch_up": CatchUp.ALL}
    schedule = store.add(a_definition(Every(1, this_second()), **terms), caller=CALLER)
    unavailable = UnavailableStore(engine, time.monotonic() + 3)
    scheduler = Scheduler(unavailable, jobs, on_queued=lambda: None, metrics=ServiceMetrics(), health=Health())
    scheduler.start()
    eventually(lambda: len(store.triggers(schedule.id, limit=10)) >= 5, within_s=15)
    scheduler.stop()
    records = store.triggers(schedule.id, limit=100)
    times = [record.due_at for record in reversed(records)]
    assert times == [times[0] + timedelta(seconds=number) for number in range(len(times))]
    assert all(record.run_id for record in records)
    assert caplog.text.count("until the database is back") == caplog.text.count("The database is back after") == 1


def test_a_clock_that_is_ahead_of_the_database_triggers_when_the_database_says_so(
    engine: sa.Engine, store: SqlScheduleStore, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = timedelta(seconds=1.5)
    monkeypatch.setattr(
        "waivern.database.schedules.schedule_store.database_now", lambda _connection: datetime.now(UTC) - behind
    )
    due_at = this_second() + timedelta(seconds=2)
    schedule = store.add(a_definition(Every(3600, due_at - timedelta(hours=1))), caller=CALLER)
    scheduler.start()
    eventually(lambda: store.triggers(schedule.id, limit=1), within_s=10)
    (record,) = store.triggers(schedule.id, limit=1)
    assert (record.due_at, record.run_id is not None) == (due_at, True)
    assert due_at + behind <= datetime.now(UTC) < due_at + behind + timedelta(seconds=2)
