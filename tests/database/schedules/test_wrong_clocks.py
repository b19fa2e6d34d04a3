"""A clock that was wrong for a while neither silences a schedule nor triggers a scheduled time twice."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.builders.schedules import a_definition
from tests.servers.databases import sqlite_url
from waivern.bootstrap import build_application
from waivern.database.audit_log import SqlAuditLog
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.history.events import EventKind
from waivern.history.run_records import RunFilter
from waivern.operations.schedules.manage_schedules import Present, summary_of
from waivern.runs.run import RunStatus
from waivern.schedules.schedule import CatchUp, Overlap, Schedule
from waivern.schedules.timing import Cron, Every, Once, due_between
from waivern.settings import Settings

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
EVERY_MINUTE = Cron("* * * * *")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self, _connection: sa.Connection) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def store(engine: sa.Engine, clock: Clock) -> SqlScheduleStore:
    return SqlScheduleStore(engine, read_clock=clock)


def evaluate(store: SqlScheduleStore, schedule: Schedule) -> list[datetime]:
    """Evaluate as often as a service would; return the scheduled times that got a run."""
    triggered: list[datetime] = []
    is_complete = False
    while not is_complete:
        (result,) = store.evaluate([schedule.id], caller=CALLER)
        triggered += result.runs
        is_complete = result.is_complete
    return triggered


def end_runs(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    while (claimed := queue.claim()) is not None:
        queue.close(claimed.run_id, claimed.epoch, RunStatus.FAILED, caller=CALLER)


@pytest.mark.parametrize("catch_up", CatchUp)
def test_a_schedule_goes_on_after_its_clock_was_two_hours_ahead(
    engine: sa.Engine, store: SqlScheduleStore, clock: Clock, catch_up: CatchUp
) -> None:
    schedule = store.add(a_definition(EVERY_MINUTE, catch_up=catch_up, overlap=Overlap.QUEUE), caller=CALLER)
    clock.now = NOON + TWO_HOURS
    early = evaluate(store, schedule)
    triggered = []
    for second in (20, *range(40, 2 * 3600 + 600, 60)):  # it is right again after 20 seconds
        clock.now = NOON + timedelta(seconds=second)
        triggered += evaluate(store, schedule)
    due = list(due_between(EVERY_MINUTE, after=NOON, until=clock.now))
    assert not set(early) & set(triggered)
    assert sorted([*early, *triggered]) == due


def test_a_schedule_goes_on_after_its_clock_was_two_hours_behind(store: SqlScheduleStore, clock: Clock) -> None:
    schedule = store.add(a_definition(EVERY_MINUTE, catch_up=CatchUp.ALL, max_catch_up=1000), caller=CALLER)
    clock.now = NOON + timedelta(minutes=10)
    triggered = evaluate(store, schedule)
    assert triggered
    for minute in range(5):
        clock.now = NOON - TWO_HOURS + timedelta(minutes=minute)
        triggered += evaluate(store, schedule)
    clock.now = NOON + timedelta(minutes=20)
    triggered += evaluate(store, schedule)
    assert len(set(triggered)) == len(triggered)
    assert set(due_between(EVERY_MINUTE, after=NOON, until=clock.now)) <= set(triggered)


def test_the_correction_is_recorded_and_verifies(engine: sa.Engine, store: SqlScheduleStore, clock: Clock) -> None:
    schedule = store.add(a_definition(Every(60, NOON), catch_up=CatchUp.SKIP), caller=CALLER)
    store.pause(schedule.id, caller=CALLER, because="holidays")
    clock.now = NOON + TWO_HOURS
    evaluate(store, schedule)
    clock.now = NOON + timedelta(seconds=90)
    (result,) = store.evaluate([schedule.id], caller=CALLER)
    assert result.correction is not None
    assert (result.correction.evaluated_until, result.correction.times) == (NOON + TWO_HOURS, 120)
    (event,) = SqlAuditLog(engine).newest(limit=10, kinds=[EventKind.SCHEDULE_CLOCK_CORRECTED])
    assert event.body["decided_again"] == 120
    assert event.body["evaluated_until"]["from"].startswith("2026-11-24T14:00:30")
    assert event.actor == str(CALLER)
    assert SqlAuditLog(engine).verify(progress=lambda *_: None).mismatches == []
    assert store.find("nightly").paused_because == "holidays"
    assert evaluate(store, schedule) == []
    (record,) = store.triggers(schedule.id, limit=5)
    assert (record.due_at, record.times) == (NOON + timedelta(minutes=1), 1)


@pytest.mark.parametrize("ahead_s", [0, 1, 5])
def test_a_clock_that_is_corrected_by_a_little_is_tolerated(
    store: SqlScheduleStore, clock: Clock, ahead_s: int
) -> None:
    schedule = store.add(a_definition(EVERY_MINUTE), caller=CALLER)
    clock.now = NOON - timedelta(seconds=ahead_s)
    (result,) = store.evaluate([schedule.id], caller=CALLER)
    assert (result.correction, result.is_complete) == (None, True)


def test_an_interval_that_was_added_by_a_clock_ahead_begins_now(
    engine: sa.Engine, store: SqlScheduleStore, clock: Clock
) -> None:
    clock.now = NOON + TWO_HOURS
    schedule = store.add(a_definition(Every(600, clock.now), overlap=Overlap.ALLOW), caller=CALLER)
    clock.now = NOON
    assert evaluate(store, schedule) == []
    clock.now = NOON + timedelta(seconds=600)
    assert evaluate(store, schedule) == [NOON + timedelta(seconds=600)]
    assert SqlAuditLog(engine).verify(progress=lambda *_: None).mismatches == []


def test_an_anchor_in_the_future_of_the_database_is_moved_back_by_whole_steps(
    store: SqlScheduleStore, clock: Clock
) -> None:
    added = store.add(a_definition(Every(600, NOON + TWO_HOURS)), caller=CALLER)
    assert added.definition.timing == Every(600, NOON)


def test_what_is_due_next_is_what_will_come(store: SqlScheduleStore, clock: Clock) -> None:
    schedule = store.add(a_definition(Cron("0 * * * *"), overlap=Overlap.ALLOW), caller=CALLER)
    once = store.add(a_definition(Once(NOON + timedelta(minutes=90)), name="once"), caller=CALLER)
    clock.now = NOON + TWO_HOURS
    assert [len(result.runs) for result in store.evaluate([schedule.id, once.id])] == [1, 1]
    clock.now = NOON
    shown = {schedule.id: summary_of(schedule, None, Present.of(store)) for schedule in store.all()}
    assert all("A clock that was ahead" in str(summary.problem) for summary in shown.values())
    store.evaluate([schedule.id, once.id])
    shown = {schedule.id: summary_of(schedule, None, Present.of(store)) for schedule in store.all()}
    assert [summary.problem for summary in shown.values()] == [None, None]
    assert shown[schedule.id].next_due_at == datetime(2026, 11, 24, 13, tzinfo=UTC)  # 14:00 had its run early
    assert shown[once.id].next_due_at is None
    clock.now = NOON + timedelta(hours=1)
    assert evaluate(store, schedule) == [datetime(2026, 11, 24, 13, tzinfo=UTC)]
    shown = {schedule.id: summary_of(schedule, None, Present.of(store)) for schedule in store.all()}
    assert shown[schedule.id].next_due_at == datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    with migrated(sqlite_url(tmp_path_factory.mktemp("clocks"))) as engine:
        yield engine


moves = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 7200, -7200, 10_800, -1800, 3]), st.integers(1, 900)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=15)
@given(moves, st.sampled_from([Cron("*/5 * * * *"), Every(240, NOON)]))
def test_each_scheduled_time_is_triggered_exactly_once_however_the_clock_jumps(
    sqlite_engine: sa.Engine, moves: Sequence[tuple[int, int]], timing: Cron | Every
) -> None:
    """With `catch_up: all`. Each move evaluates after some seconds, by a clock that is wrong by so many seconds."""
    clock = Clock(NOON)
    store = SqlScheduleStore(sqlite_engine, read_clock=clock)
    terms = {"catch_up": CatchUp.ALL, "max_catch_up": 10_000, "overlap": Overlap.ALLOW}
    schedule = store.add(a_definition(timing, **terms), caller=CALLER)
    now, triggered = NOON, []
    for wrong_by, seconds in (*moves, (0, 1)):
        now += timedelta(seconds=seconds)
        clock.now = now + timedelta(seconds=wrong_by)
        triggered += evaluate(store, schedule)
    store.remove(schedule.id, caller=CALLER)
    assert len(set(triggered)) == len(triggered)
    assert set(due_between(timing, after=NOON, until=now)) <= set(triggered)
    if all(wrong_by in (0, 3) for wrong_by, _ in moves):
        latest = now + timedelta(seconds=3)
        assert set(triggered) <= set(due_between(timing, after=NOON, until=latest))


def test_the_runs_of_a_corrected_schedule_are_listed_once(tmp_path: Path) -> None:
    """Through the application, whose clock is the machine's: a schedule that was evaluated two hours ahead."""
    url = sqlite_url(tmp_path)
    with migrated(url) as engine:
        application = build_application(Settings(database_url=url), environment={})
        store = application.storage.schedules
        schedule = store.add(a_definition(EVERY_MINUTE, overlap=Overlap.ALLOW), caller=CALLER)
        ahead = Clock(store.now() + TWO_HOURS)
        (result,) = SqlScheduleStore(engine, read_clock=ahead).evaluate([schedule.id])
        (corrected,) = store.evaluate([schedule.id])
        assert corrected.correction is not None
        runs = SqlHistory(engine).recent(RunFilter(schedule="nightly"), limit=10)
        assert [run.due_at for run in runs] == list(result.runs)
        application.close()
