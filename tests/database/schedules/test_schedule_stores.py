"""Schedules on every database: each scheduled time has one run, or a reason why it has none."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.counting import database_work_of
from tests.builders.schedules import a_definition
from waivern.database.connection.engine import open_engine, writing
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schedules.triggering import evaluate_pending
from waivern.database.schema.migration import upgrade
from waivern.database.schema.tables import runs, schedules
from waivern.errors import ScheduleError
from waivern.history.run_records import RunFilter
from waivern.runs.run import RunStatus, utc_now
from waivern.runs.run_store import NewRun
from waivern.schedules.evaluation import TriggerSkipReason
from waivern.schedules.schedule import CatchUp, Overlap, Schedule, ScheduleDefinition, ScheduleStatus
from waivern.schedules.timing import Cron, Every, Once, Timing, due_between

HOURLY = Cron(f"{(utc_now().minute + 30) % 60} * * * *")  # not about now: what is on time is decided otherwise
EVERY_MINUTE = Cron("* * * * *")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(engine: sa.Engine) -> SqlScheduleStore:
    return SqlScheduleStore(engine)


def not_evaluated_for(engine: sa.Engine, schedule: Schedule, span: timedelta) -> datetime:
    """Pretend that the schedule was not evaluated for `span`; return the time of its last evaluation."""
    since = utc_now() - span
    with writing(engine) as connection:
        connection.execute(sa.update(schedules).where(schedules.c.id == schedule.id).values(evaluated_until=since))
    return since


def evaluate_all(store: SqlScheduleStore, schedule: Schedule) -> Iterator[str]:
    is_complete = False
    while not is_complete:
        (result,) = store.evaluate([schedule.id])
        yield from result.runs.values()
        is_complete = result.is_complete


@pytest.mark.parametrize(
    "timing", [Cron("5 4 * * sun", "Europe/London"), Every(90.5, LONG_AGO), Once(LONG_AGO + timedelta(days=9000))]
)
def test_a_schedule_is_found_as_it_was_added(store: SqlScheduleStore, timing: Timing) -> None:
    definition = ScheduleDefinition(
        name="Ünusual name",
        runbook=Path("/books/scan.yaml"),
        runbook_name="Scan",
        timing=timing,
        catch_up=CatchUp.ALL,
        max_catch_up=7,
        overlap=Overlap.QUEUE,
        jitter_s=2.5,
        priority=-3,
        max_attempts=9,
        working_directory=Path("/data"),
        notify={"webhook": {"url": "${HOOK}"}},
        declared_in="/books",
    )
    added = store.add(definition, caller=CALLER)
    found = store.find("Ünusual name")
    assert found == added
    assert (found.definition, found.status) == (definition, ScheduleStatus.ACTIVE)
    assert store.all() == [found]


def test_a_name_is_unique_until_its_schedule_is_removed(store: SqlScheduleStore) -> None:
    first = store.add(a_definition(HOURLY), caller=CALLER)
    with pytest.raises(ScheduleError, match="There is already a schedule 'nightly'"):
        store.add(a_definition(HOURLY), caller=CALLER)
    store.remove(first.id, caller=CALLER)
    assert store.add(a_definition(HOURLY), caller=CALLER).id != first.id
    other = store.add(a_definition(HOURLY, name="other"), caller=CALLER)
    with pytest.raises(ScheduleError, match="already"):
        store.change(other.id, a_definition(HOURLY), caller=CALLER)


def test_an_unknown_name_is_refused_with_a_suggestion(store: SqlScheduleStore) -> None:
    store.add(a_definition(HOURLY), caller=CALLER)
    with pytest.raises(ScheduleError, match="Did you mean 'nightly'"):
        store.find("nigthly")


def test_a_new_schedule_is_not_due_for_times_before_it_was_added(store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(Every(1, LONG_AGO)), caller=CALLER)
    (result,) = store.evaluate([schedule.id])
    assert all(due > schedule.created_at for due in result.runs)


def test_each_missed_time_has_a_run_or_a_reason(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.ALL, max_catch_up=3), caller=CALLER)
    since = not_evaluated_for(engine, schedule, timedelta(hours=30))
    queued = list(evaluate_all(store, schedule))
    due = list(due_between(HOURLY, after=since, until=utc_now()))
    *triggered, skipped = store.triggers(schedule.id, limit=100)
    assert [record.due_at for record in triggered] == due[-3:][::-1]
    assert [record.run_id for record in triggered] == queued[::-1]
    assert (skipped.due_at, skipped.last_due_at, skipped.times) == (due[0], due[-4], 27)
    assert (skipped.run_id, skipped.skipped) == (None, TriggerSkipReason.CATCH_UP)
    history = SqlHistory(engine)
    record = history.find(queued[0])
    assert (record.status, record.trigger, record.schedule) == (RunStatus.QUEUED, "catch_up", "nightly")
    assert record.due_at == due[-3]


def test_thousands_of_missed_times_are_one_row(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(Every(1, LONG_AGO)), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(seconds=2500))
    assert len(list(evaluate_all(store, schedule))) <= 1
    triggers = store.triggers(schedule.id, limit=10_000)
    assert len(triggers) <= 3
    assert sum(record.times for record in triggers) in (2500, 2501, 2502)


def test_thousands_of_missed_runs_are_queued_in_steps(engine: sa.Engine, store: SqlScheduleStore) -> None:
    terms = {"catch_up": CatchUp.ALL, "max_catch_up": 2000, "overlap": Overlap.QUEUE}
    schedule = store.add(a_definition(Every(1, LONG_AGO), **terms), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(seconds=2500))
    (first,) = store.evaluate([schedule.id])
    assert (len(first.runs), first.is_complete) == (999, False)
    assert len(list(evaluate_all(store, schedule))) in range(1001, 1100)


def test_what_was_computed_for_a_schedule_that_changed_meanwhile_is_not_written(
    engine: sa.Engine, store: SqlScheduleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "waivern.database.schedules.schedule_store"
    original = evaluate_pending

    def evaluate_while_it_is_paused(*arguments, **terms):
        monkeypatch.setattr(f"{module}.evaluate_pending", original)
        evaluated = original(*arguments, **terms)
        SqlScheduleStore(engine).pause(schedule.id, caller=CALLER)
        return evaluated

    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.ALL), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(hours=5))
    monkeypatch.setattr(f"{module}.evaluate_pending", evaluate_while_it_is_paused)
    (result,) = store.evaluate([schedule.id])
    assert (result.runs, result.is_complete) == ({}, False)
    assert len({record.run_id for record in store.triggers(schedule.id, limit=10)}) == 5  # by the pause


def test_concurrent_evaluations_queue_one_run_per_scheduled_time(engine: sa.Engine, store: SqlScheduleStore) -> None:
    several = [store.add(a_definition(HOURLY, name=f"s{n}", catch_up=CatchUp.ALL), caller=CALLER) for n in range(5)]
    for schedule in several:
        not_evaluated_for(engine, schedule, timedelta(hours=12))
    together = threading.Barrier(6)

    def evaluate(order: int) -> int:
        ids = [schedule.id for schedule in several]
        together.wait()
        return sum(len(result.runs) for result in store.evaluate(ids[::-1] if order % 2 else ids))

    with ThreadPoolExecutor(6) as services:
        shares = list(services.map(evaluate, range(6)))
    assert sum(shares) == 5 * 12
    for schedule in several:
        triggers = store.triggers(schedule.id, limit=100)
        assert len({record.run_id for record in triggers}) == len(triggers) == 12


def test_the_next_time_is_skipped_while_a_run_is_unfinished(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY), caller=CALLER)
    store.trigger(schedule.id)
    not_evaluated_for(engine, schedule, timedelta(minutes=61))
    list(evaluate_all(store, schedule))
    newest = store.triggers(schedule.id, limit=1)[0]
    assert newest.skipped is TriggerSkipReason.OVERLAP


def test_runs_of_a_schedule_are_claimed_one_at_a_time_in_the_order_of_their_times(
    engine: sa.Engine, store: SqlScheduleStore
) -> None:
    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.ALL, overlap=Overlap.QUEUE), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(hours=4))
    list(evaluate_all(store, schedule))
    queue = SqlRunStore(engine)
    due = []
    while (claimed := queue.claim()) is not None:
        assert queue.claim() is None
        assert claimed.schedule == "nightly"
        due.append(claimed.due_at)
        queue.close(claimed.run_id, claimed.epoch, RunStatus.FAILED, caller=CALLER)
    assert len(due) == 4
    assert due == sorted(due)  # type: ignore[type-var]  # none of them is None


def test_a_run_that_waits_for_another_of_its_schedule_does_not_block_other_runs(
    engine: sa.Engine, store: SqlScheduleStore
) -> None:
    schedule = store.add(a_definition(HOURLY, overlap=Overlap.QUEUE), caller=CALLER)
    store.backfill(schedule.id, [LONG_AGO, LONG_AGO + timedelta(hours=1)])
    queue = SqlRunStore(engine)
    running = queue.claim()
    other = queue.enqueue(NewRun(Path("/other.yaml"), "Other", "trigger", priority=-1))
    claimed = queue.claim()
    assert running is not None
    assert claimed is not None
    assert (running.due_at, claimed.run_id) == (LONG_AGO, other)
    assert queue.claim() is None


def test_the_run_with_the_earliest_scheduled_time_is_claimed_first_even_if_it_was_queued_last(
    engine: sa.Engine, store: SqlScheduleStore
) -> None:
    schedule = store.add(a_definition(HOURLY, overlap=Overlap.QUEUE), caller=CALLER)
    for hours in (2, 1, 0):
        store.backfill(schedule.id, [LONG_AGO + timedelta(hours=hours)])
    claimed = SqlRunStore(engine).claim()
    assert claimed is not None
    assert claimed.due_at == LONG_AGO


def test_claiming_and_evaluating_cost_no_more_after_years_of_runs(engine: sa.Engine, store: SqlScheduleStore) -> None:
    queue, schedule = SqlRunStore(engine), store.add(a_definition(EVERY_MINUTE), caller=CALLER)
    waiting = list(due_between(EVERY_MINUTE, after=LONG_AGO, until=LONG_AGO + timedelta(minutes=1_000)))

    def claim_and_evaluate() -> None:
        claimed = queue.claim()
        assert claimed is not None
        assert claimed.due_at == waiting.pop(0)
        assert queue.claim() is None
        store.evaluate([schedule.id])
        queue.close(claimed.run_id, claimed.epoch, RunStatus.SUCCEEDED, caller=CALLER)

    store.backfill(schedule.id, waiting[:12])
    insert_earlier_runs(engine, schedule, range(100))
    at_first = database_work_of(engine, claim_and_evaluate)
    insert_earlier_runs(engine, schedule, range(100, 10_000))
    assert database_work_of(engine, claim_and_evaluate) < 2 * at_first
    store.backfill(schedule.id, waiting[10:])
    assert (
        database_work_of(engine, claim_and_evaluate) < 150 * at_first
    )  # a hundred times as many wait: each is seen once


def insert_earlier_runs(engine: sa.Engine, schedule: Schedule, numbers: range) -> None:
    before = LONG_AGO - timedelta(days=400)
    alike = {"runbook_name": "Scan", "trigger": "schedule", "status": "succeeded", "epoch": 2, "exclusive": True}
    made = [
        {**alike, "id": f"{number:036d}", "schedule_id": schedule.id, "due_at": at, "created_at": at}
        for number, at in ((number, before + timedelta(minutes=number)) for number in numbers)
    ]
    with writing(engine) as connection:
        connection.execute(sa.insert(runs), made)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")  # as it does of itself, some time later


def test_a_concurrent_claim_does_not_claim_a_second_run_of_an_exclusive_schedule(
    postgres_url: str,
) -> None:
    engine, slow = open_engine(postgres_url), open_engine(postgres_url)
    upgrade(engine)
    store = SqlScheduleStore(engine)
    schedule = store.add(a_definition(HOURLY, overlap=Overlap.QUEUE), caller=CALLER)
    late, early = due_between(HOURLY, after=LONG_AGO, until=LONG_AGO + timedelta(hours=2))
    store.backfill(schedule.id, [early, late])
    about_to_commit, may_commit = threading.Event(), threading.Event()

    @sa.event.listens_for(slow, "commit")
    def hesitate(_connection: sa.Connection) -> None:
        about_to_commit.set()
        may_commit.wait(timeout=10)

    with ThreadPoolExecutor() as claimants:
        first = claimants.submit(SqlRunStore(slow).claim)
        assert about_to_commit.wait(timeout=10)
        second = claimants.submit(SqlRunStore(engine).claim)
        time.sleep(0.3)
        may_commit.set()
        claimed = [first.result(), second.result()]
    engine.dispose()
    slow.dispose()
    assert [claim is not None for claim in claimed] == [True, False]


def test_runs_are_claimed_in_parallel_if_overlap_is_allowed(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY, overlap=Overlap.ALLOW), caller=CALLER)
    for _ in range(3):
        store.trigger(schedule.id)
    queue = SqlRunStore(engine)
    assert all(queue.claim() is not None for _ in range(3))


def test_times_that_are_due_while_a_schedule_is_paused_are_skipped_and_recorded(
    engine: sa.Engine, store: SqlScheduleStore
) -> None:
    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.ALL), caller=CALLER)
    store.pause(schedule.id, because="holidays", caller=CALLER)
    assert store.find("nightly").paused_because == "holidays"
    not_evaluated_for(engine, schedule, timedelta(hours=5))
    store.resume(schedule.id, caller=CALLER)
    assert store.find("nightly").status is ScheduleStatus.ACTIVE
    (paused,) = store.triggers(schedule.id, limit=100)
    assert (paused.skipped, paused.times) == (TriggerSkipReason.PAUSED, 5)


def test_a_change_first_decides_what_was_due_under_the_old_terms(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.ALL), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(hours=3))
    store.change(schedule.id, a_definition(Cron("30 1 1 1 *")), caller=CALLER)
    assert len(SqlHistory(engine).recent(RunFilter(schedule="nightly"), limit=10)) == 3


def test_a_removed_schedule_is_never_due_and_its_runs_keep_its_name(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY), caller=CALLER)
    run_id = store.trigger(schedule.id)
    store.remove(schedule.id, caller=CALLER)
    assert store.evaluate([schedule.id]) == []
    assert store.all() == []
    assert SqlHistory(engine).find(run_id).schedule == "nightly"
    with pytest.raises(ScheduleError, match="removed in the meantime"):
        store.trigger(schedule.id)


def test_the_revision_changes_with_every_change_but_not_with_an_evaluation(store: SqlScheduleStore) -> None:
    seen = {store.revision()}
    schedule = store.add(a_definition(HOURLY), caller=CALLER)
    for change in (
        lambda: None,
        lambda: store.pause(schedule.id, caller=CALLER),
        lambda: store.resume(schedule.id, caller=CALLER),
        lambda: store.change(schedule.id, a_definition(Cron("@daily")), caller=CALLER),
        lambda: store.remove(schedule.id, caller=CALLER),
    ):
        change()
        assert store.revision() not in seen
        seen.add(store.revision())
    store.evaluate([schedule.id])
    assert store.revision() in seen


def test_the_revision_changes_even_if_the_clock_was_set_back(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule, other = (
        store.add(a_definition(HOURLY), caller=CALLER),
        store.add(a_definition(HOURLY, name="other"), caller=CALLER),
    )
    with writing(engine) as connection:
        an_hour_ahead = sa.update(schedules).where(schedules.c.id == other.id)
        connection.execute(an_hour_ahead.values(changed_at=utc_now() + timedelta(hours=1)))
    before = store.revision()
    store.change(schedule.id, a_definition(Cron("1 1 * * *")), caller=CALLER)
    assert store.revision() != before


def test_concurrent_changes_have_different_times(engine: sa.Engine, store: SqlScheduleStore) -> None:
    names = [f"s{number}" for number in range(8)]
    ids = [store.add(a_definition(HOURLY, name=name), caller=CALLER).id for name in names]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            list(pool.map(partial(store.pause, caller=CALLER), ids))
    changed = [schedule.changed_at for schedule in store.all()]
    assert len(set(changed)) == len(changed)


def test_a_backfill_queues_missing_runs_once(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.SKIP), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(hours=4))
    list(evaluate_all(store, schedule))
    until = utc_now()
    instants = list(due_between(HOURLY, after=until - timedelta(hours=6), until=until + timedelta(hours=2)))
    past = [instant for instant in instants if instant <= until]
    made = store.backfill(schedule.id, instants)
    assert list(made) == past
    assert store.times_without_run(schedule.id, past) == []
    assert store.backfill(schedule.id, instants) == {}
    assert {record.run_id for record in store.triggers(schedule.id, limit=100)} == set(
        made.values()
    )  # no range is left
    record = SqlHistory(engine).find(made[past[0]])
    assert (record.trigger, record.due_at, record.lateness_seconds) == ("backfill", past[0], None)


def test_a_backfill_of_a_part_of_a_range_counts_it_down(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(HOURLY, catch_up=CatchUp.SKIP), caller=CALLER)
    since = not_evaluated_for(engine, schedule, timedelta(hours=6))
    list(evaluate_all(store, schedule))
    due = list(due_between(HOURLY, after=since, until=utc_now()))
    store.backfill(schedule.id, due[2:4])
    triggers = store.triggers(schedule.id, limit=10)
    assert sorted(record.due_at for record in triggers if record.run_id) == due[2:4]
    (skipped,) = (record for record in triggers if record.skipped)
    assert (skipped.due_at, skipped.last_due_at, skipped.times) == (due[0], due[-1], 4)


def test_a_run_on_time_is_delayed_by_jitter(engine: sa.Engine, store: SqlScheduleStore) -> None:
    schedule = store.add(a_definition(Every(1, LONG_AGO), jitter_s=3600, overlap=Overlap.ALLOW), caller=CALLER)
    not_evaluated_for(engine, schedule, timedelta(seconds=3))
    assert len(list(evaluate_all(store, schedule))) >= 2
    assert SqlRunStore(engine).claim() is None


def test_the_newest_run_of_each_schedule_is_returned(engine: sa.Engine, store: SqlScheduleStore) -> None:
    ran, never = (
        store.add(a_definition(HOURLY), caller=CALLER),
        store.add(a_definition(HOURLY, name="never"), caller=CALLER),
    )
    store.trigger(ran.id)
    newest = store.trigger(ran.id)
    assert {schedule_id: last.run_id for schedule_id, last in store.last_runs().items()} == {ran.id: newest}
    assert never.id not in store.last_runs()


def test_a_schedule_in_an_unknown_time_zone_stops_no_other(engine: sa.Engine, store: SqlScheduleStore) -> None:
    broken, sound = (
        store.add(a_definition(HOURLY, name="broken"), caller=CALLER),
        store.add(a_definition(HOURLY), caller=CALLER),
    )
    not_evaluated_for(engine, sound, timedelta(minutes=61))
    with writing(engine) as connection:
        connection.execute(sa.update(schedules).where(schedules.c.id == broken.id).values(timezone="Moon/Base"))
    assert [schedule.name for schedule in store.all()] == ["nightly"]
    assert [result.schedule_id for result in store.evaluate([broken.id, sound.id])] == [sound.id]
    (unusable,) = store.unusable()
    assert (unusable.name, "'Moon/Base' is not a known time zone" in unusable.reason) == ("broken", True)
