"""The clock of a service, on a real database."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from tests.builders.faulty_services import eventually, this_second
from tests.builders.schedules import a_definition
from waivern.database.connection.engine import writing
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import schedule_triggers, schedules
from waivern.runs.run import utc_now
from waivern.schedules.schedule import Overlap, Schedule
from waivern.schedules.timing import Cron, Every
from waivern.service.clock import Clock
from waivern.service.tally import Tally


def test_a_schedule_that_cannot_be_decided_stops_no_other(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine)
    every_second = Every(1, this_second())
    well, unwell = (store.add(a_definition(every_second, name=name, overlap=Overlap.ALLOW)) for name in ("a", "b"))
    _decide_already(engine, unwell, this_second())
    clock = Clock(store, queued=lambda: None, tally=Tally())
    clock.start()
    try:
        eventually(lambda: len(store.fires(well.id, limit=10)) >= 3, within_s=15)
    finally:
        clock.stop()


def _decide_already(engine: sa.Engine, schedule: Schedule, since: datetime) -> None:
    """As no part of Waivern does, and as may happen to a database that is put together from two backups."""
    alike = {"schedule_id": schedule.id, "skipped": "paused", "decided_at": since}
    with writing(engine) as connection:
        rows = [{**alike, "due_at": since + timedelta(seconds=number)} for number in range(-5, 60)]
        connection.execute(sa.insert(schedule_triggers), rows)


def test_many_schedules_that_are_due_at_once_are_decided_with_few_statements(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine)
    ids = [store.add(a_definition(Cron("* * * * *"), name=f"s{number}")).id for number in range(100)]
    _due_a_minute_ago(engine)
    statements = []
    sa.event.listen(engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    fired = store.fire(ids)
    assert sum(len(each.runs) for each in fired) == 100
    assert len(statements) < 10


def _due_a_minute_ago(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(schedules).values(evaluated_until=utc_now() - timedelta(minutes=1)))
