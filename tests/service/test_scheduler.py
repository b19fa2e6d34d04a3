"""The scheduler of a service, on a real database."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER, SERVICE
from tests.builders.faulty_services import eventually, this_second
from tests.builders.schedules import a_definition
from waivern.database.connection.engine import writing
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import runs, schedules
from waivern.errors import DatabaseUnavailableError
from waivern.runs.run import new_run_id, utc_now
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
    jobs = BackgroundJobs(DatabaseWatch(ServiceMetrics()), Health())
    jobs.start()
    yield jobs
    jobs.stop()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def scheduler(store: SqlScheduleStore, jobs: BackgroundJobs, health: Health) -> Iterator[Scheduler]:
    scheduler = Scheduler(store, jobs, on_queued=lambda: None, metrics=ServiceMetrics(), health=health, caller=SERVICE)
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
    insert_conflicting_runs(engine, broken, this_second())
    scheduler.start()
    eventually(lambda: len(store.triggers(sound.id, limit=10)) >= 3, within_s=15)
    assert caplog.text.count("The schedule 'broken' cannot be evaluated: IntegrityError") == 1
    (problem,) = health.problems()
    assert ("'broken'" in problem.text, problem.is_serious) == (True, False)


def insert_conflicting_runs(engine: sa.Engine, schedule: Schedule, since: datetime) -> None:
    """Insert runs without their triggers, which Waivern itself never writes."""
    alike = {"runbook_name": "x", "trigger": "schedule", "status": "succeeded", "epoch": 1, "created_at": since}
    rows = [
        {**alike, "id": new_run_id(since), "schedule_id": schedule.id, "due_at": since + timedelta(seconds=number)}
        for number in range(-5, 60)
    ]
    with writing(engine) as connection:
        connection.execute(sa.insert(runs), rows)


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

    def evaluate(self, schedule_ids, **terms):
        self._raise_if_unavailable()
        return super().evaluate(schedule_ids, **terms)

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
    scheduler = Scheduler(
        unavailable, jobs, on_queued=lambda: None, metrics=ServiceMetrics(), health=Health(), caller=SERVICE
    )
    scheduler.start()
    eventually(lambda: len(store.triggers(schedule.id, limit=10)) >= 5, within_s=15)
    scheduler.stop()
    records = store.triggers(schedule.id, limit=100)
    times = [record.due_at for record in reversed(records)]
    assert times == [times[0] + timedelta(seconds=number) for number in range(len(times))]
    assert all(record.run_id for record in records)
    assert caplog.text.count("until the database is back") == caplog.text.count("The database is back after") == 1


def test_what_is_due_by_the_database_is_triggered_whatever_this_machines_clock_says(
    engine: sa.Engine, jobs: BackgroundJobs
) -> None:
    """This machine's clock is 2 hours behind, then 2 hours ahead; by the database a time is due each second."""
    ahead = timedelta(hours=2)
    store = SqlScheduleStore(engine, read_clock=lambda _connection: utc_now() + ahead)
    hourly = Every(3600, this_second() + ahead + timedelta(seconds=3, hours=-1))  # due in three seconds
    schedule = store.add(a_definition(hourly, overlap=Overlap.ALLOW), caller=CALLER)
    scheduler = Scheduler(
        store, jobs, on_queued=lambda: None, metrics=ServiceMetrics(), health=Health(), caller=SERVICE
    )
    scheduler.start()
    eventually(lambda: store.triggers(schedule.id, limit=1), within_s=30)
    (record,) = store.triggers(schedule.id, limit=1)
    assert (record.due_at, record.run_id is not None) == (hourly.anchor + timedelta(hours=1), True)
    ahead = timedelta(hours=-2)
    eventually(lambda: store.find("nightly").evaluated_until <= store.now(), within_s=30)
    scheduler.stop()
