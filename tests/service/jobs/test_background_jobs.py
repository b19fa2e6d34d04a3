"""Background jobs: APScheduler with our triggers, executor and job store."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from tests.builders.faulty_services import eventually, this_second
from waivern.errors import DatabaseUnavailableError
from waivern.schedules.timing import Every, Once
from waivern.service.database_watch import DatabaseWatch
from waivern.service.health import Health
from waivern.service.jobs.background_jobs import BackgroundJobs, PeriodicTask
from waivern.service.jobs.job_store import ClockAwareJobStore
from waivern.service.jobs.triggers import PeriodicTrigger, ScheduleTrigger
from waivern.service.metrics import ServiceMetrics


@pytest.fixture
def jobs() -> Iterator[BackgroundJobs]:
    jobs = BackgroundJobs(DatabaseWatch(ServiceMetrics()), Health())
    jobs.start()
    yield jobs
    jobs.stop()


def test_an_alarm_goes_off_at_once_and_at_each_scheduled_time(jobs: BackgroundJobs) -> None:
    calls: list[tuple[str, datetime]] = []
    jobs.set_alarm("a", Every(1, this_second()), lambda name: calls.append((name, datetime.now(UTC))))
    eventually(lambda: len(calls) >= 3, within_s=10)
    assert {name for name, _ in calls} == {"a"}
    assert all(called_at.microsecond < 500_000 for _, called_at in calls[1:])


def test_a_removed_alarm_is_silent_and_an_ended_one_can_be_removed(jobs: BackgroundJobs) -> None:
    calls: list[str] = []
    jobs.set_alarm("a", Every(1, this_second()), calls.append)
    jobs.set_alarm("once", Once(this_second() - timedelta(hours=1)), calls.append)
    eventually(lambda: {"a", "once"} <= set(calls), within_s=5)
    jobs.remove("a")
    jobs.remove("once")
    jobs.run_in("a")
    before = len(calls)
    time.sleep(1.5)
    assert len(calls) == before


def test_a_slow_task_is_not_started_twice_and_delays_no_other(jobs: BackgroundJobs) -> None:
    release = threading.Event()
    started: list[str] = []

    def be_slow() -> None:
        started.append("slow")
        release.wait(10)

    jobs.add_task(PeriodicTask("slow", 0.1, be_slow))
    jobs.add_task(PeriodicTask("fast", 0.1, lambda: started.append("fast")))
    eventually(lambda: started.count("fast") >= 5, within_s=5)
    assert started.count("slow") == 1
    release.set()
    eventually(lambda: started.count("slow") >= 2, within_s=5)


def test_a_task_that_fails_is_logged_with_its_traceback_and_runs_again(
    jobs: BackgroundJobs, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def fail_at_first() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise RuntimeError("out of order")

    jobs.add_task(PeriodicTask("checks", 0.1, fail_at_first))
    eventually(lambda: len(attempts) >= 2, within_s=5)
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "The task 'checks' fails: RuntimeError: out of order"
    assert "fail_at_first" in str(record.exc_text or caplog.text)


def test_a_task_that_goes_on_failing_is_logged_once_and_reported_until_it_succeeds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    health, is_broken, attempts = Health(), True, []
    jobs = BackgroundJobs(DatabaseWatch(ServiceMetrics()), health)

    def fail_for_a_while() -> None:
        attempts.append(1)
        if is_broken:
            raise RuntimeError("out of order")

    jobs.start()
    jobs.add_task(PeriodicTask("broken", 0.05, fail_for_a_while))
    jobs.add_task(PeriodicTask("sound", 0.05, lambda: None))
    eventually(lambda: len(attempts) >= 4, within_s=20)
    assert [problem.text for problem in health.problems()] == ["The task 'broken' fails: RuntimeError: out of order"]
    assert caplog.text.count("The task 'broken' fails") == 1
    is_broken = False
    eventually(lambda: not health.problems(), within_s=20)
    jobs.stop()


def test_a_task_without_its_database_runs_again_after_a_second_and_is_logged_once(
    jobs: BackgroundJobs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    attempts: list[float] = []

    def need_the_database() -> None:
        attempts.append(time.monotonic())
        if len(attempts) < 3:
            raise DatabaseUnavailableError("gone")

    jobs.add_task(PeriodicTask("rare", 3600, need_the_database))
    jobs.add_task(PeriodicTask("needs no database", 0.1, lambda: None))
    eventually(lambda: len(attempts) == 3, within_s=10)
    assert 0.9 < attempts[1] - attempts[0] < 2
    eventually(lambda: "The database is back" in caplog.text, within_s=5)
    assert caplog.text.count("until the database is back") == caplog.text.count("The database is back") == 1


def test_a_task_that_has_more_to_do_runs_again_at_once(jobs: BackgroundJobs) -> None:
    remaining = [3]

    def do_one() -> None:
        remaining[0] -= 1

    jobs.add_task(PeriodicTask("counts down", 3600, do_one, is_pending=lambda: remaining[0] > 0))
    eventually(lambda: remaining == [0], within_s=5)


def test_a_hanging_job_does_not_delay_the_stop_for_long() -> None:
    jobs = BackgroundJobs(DatabaseWatch(ServiceMetrics()), Health())
    jobs.start()
    hanging = threading.Event()
    jobs.run(hanging.wait, 60, name="hangs")
    started = time.monotonic()
    jobs.stop()
    assert time.monotonic() - started < 5
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "waivern-hangs")
    hanging.set()


def test_triggers_never_name_a_time_that_has_passed() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    long_ago = now - timedelta(days=365)
    assert ScheduleTrigger(Every(1, long_ago)).get_next_fire_time(long_ago, now) == now + timedelta(seconds=1)
    assert ScheduleTrigger(Once(long_ago)).get_next_fire_time(None, now) is None
    assert PeriodicTrigger(5).get_next_fire_time(None, now) == now
    assert PeriodicTrigger(5).get_next_fire_time(long_ago, now) == now + timedelta(seconds=5)


@pytest.fixture
def job_store() -> Iterator[ClockAwareJobStore]:
    """A store of a scheduler that is paused, so that the test asks for due jobs itself."""
    store = ClockAwareJobStore()
    scheduler = BackgroundScheduler(timezone=UTC, jobstores={"default": store}, executors={"default": DebugExecutor()})
    scheduler.start(paused=True)
    scheduler.add_job(time.time, PeriodicTrigger(1), id="often")
    scheduler.add_job(time.time, ScheduleTrigger(Every(3600, datetime.now(UTC))), id="hourly")
    yield store
    scheduler.shutdown()


@pytest.mark.parametrize("moved", [timedelta(hours=-3), timedelta(seconds=-5), timedelta(hours=3)])
def test_all_jobs_are_due_after_the_clock_was_set(
    job_store: ClockAwareJobStore, moved: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    job_store.get_due_jobs(now)
    due = {job.id for job in job_store.get_due_jobs(now + moved)}
    assert due == {"often", "hourly"}
    assert "The clock was set, or the machine slept" in caplog.text
    job_store.get_due_jobs(now + moved)
    assert caplog.text.count("The clock was set") == 1


def test_the_scheduler_wakes_up_every_second_whatever_is_planned(job_store: ClockAwareJobStore) -> None:
    for job in job_store.get_all_jobs():
        job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=3))
    assert job_store.get_next_run_time() <= datetime.now(UTC) + timedelta(seconds=1)
