"""Queued runs on every database: each has one claimant, and an owner that has lost its run writes nothing more."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern import RunError, RunTakenOverError
from waivern.database.connection.engine import open_engine, writing
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.service_store import SqlServiceStore
from waivern.database.schema.migration import upgrade
from waivern.database.schema.tables import runs
from waivern.errors import DatabaseUnavailableError, WaivernError
from waivern.history.run_records import Worker
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason, utc_now
from waivern.runs.run_store import MAX_FREE_RELEASES, RELEASED, ClaimedRun, NewRun, RunHandle
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": ["a"]})
_ADOPTED: list[RunHandle] = []


def new_run(**terms: object) -> NewRun:
    return replace(NewRun(Path("/scan.yaml"), "Scan", "trigger"), **terms)  # type: ignore[arg-type]


def claim(run_store: SqlRunStore) -> ClaimedRun:
    claimed = run_store.claim()
    assert claimed is not None
    return claimed


def adopted(engine: sa.Engine, claimed: ClaimedRun, plan: ExecutionPlan = PLAN) -> RunHandle:
    run = SqlRunStore(engine).adopt_claimed(claimed, plan, caller=CALLER)
    _ADOPTED.append(run)
    return run


@pytest.fixture(autouse=True)
def _no_heartbeat_outlives_its_test(engine: sa.Engine) -> Iterator[None]:
    yield
    for run in _ADOPTED:
        with suppress(WaivernError, RuntimeError):
            run.log.close(RunStatus.INTERRUPTED)
    _ADOPTED.clear()


def expire_lease(engine: sa.Engine, run_id: str) -> None:
    with writing(engine) as connection:
        past = utc_now() - timedelta(hours=1)
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(lease_until=past))


def test_a_queued_run_is_claimed_once_with_everything_needed_to_execute_it(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_id = run_store.enqueue(new_run(working_directory=Path("/data"), max_attempts=5))
    claimed = claim(run_store)
    assert (claimed.run_id, claimed.epoch, claimed.attempt, claimed.max_attempts) == (run_id, 1, 1, 5)
    assert (claimed.runbook, claimed.working_directory) == (Path("/scan.yaml"), Path("/data"))
    assert run_store.claim() is None


def test_runs_are_claimed_by_priority_then_in_the_order_of_queueing(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    low, first, second, high = (run_store.enqueue(new_run(priority=priority)) for priority in (-1, 0, 0, 1))
    assert [claim(run_store).run_id for _ in range(4)] == [high, first, second, low]


def test_a_run_is_not_claimed_before_it_is_available(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run(available_at=utc_now() + timedelta(hours=1)))
    assert run_store.claim() is None
    now = run_store.enqueue(new_run(available_at=utc_now() - timedelta(seconds=1), priority=-5))
    assert claim(run_store).run_id == now


def test_concurrent_claimants_never_claim_the_same_run(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    added = {run_store.enqueue(new_run()) for _ in range(60)}
    together = threading.Barrier(6)

    def claim_all() -> list[str]:
        together.wait()
        found = []
        while (claimed := run_store.claim()) is not None:
            found.append(claimed.run_id)
        return found

    with ThreadPoolExecutor(6) as claimants:
        shares = [future.result() for future in [claimants.submit(claim_all) for _ in range(6)]]
    claimed = [run_id for share in shares for run_id in share]
    assert sorted(claimed) == sorted(added)


def test_a_claimed_run_is_recorded_with_its_epoch_and_attempt(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run())
    run = adopted(engine, claim(run_store))
    run.store.save("a", message_of(found=1))
    run.store.save("b", message_of(found=2))
    run.log.close(RunStatus.SUCCEEDED)
    history = SqlHistory(engine)
    record = history.find(run.run_id)
    assert (record.status, record.attempts, record.trigger) == (RunStatus.SUCCEEDED, 1, "trigger")
    assert [(attempt.outcome, attempt.worker) for attempt in history.attempts_of(run.run_id)] == [
        ("succeeded", Worker(ProcessIdentity.this_process().host, ProcessIdentity.this_process().pid))
    ]


def test_a_failed_attempt_queues_the_run_again_and_the_next_worker_redoes_nothing(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run())
    first = adopted(engine, claim(run_store))
    first.store.save("a", message_of(found=1))
    stale = run_store.fail_attempt(first.run_id, first.epoch, error="it was killed", caller=CALLER)
    assert stale is not None
    assert (stale.status, stale.attempt) == (RunStatus.QUEUED, 1)
    again = claim(run_store)
    assert (again.attempt, again.epoch > first.epoch) == (2, True)
    second = adopted(engine, again)
    assert second.log.open(PLAN) == {"a"}
    with pytest.raises(RunTakenOverError):
        first.store.save("b", message_of(late=True))
    second.store.save("b", message_of(found=2))
    second.log.close(RunStatus.SUCCEEDED)
    attempts = SqlHistory(engine).attempts_of(first.run_id)
    assert [(attempt.outcome, attempt.error) for attempt in attempts] == [
        ("interrupted", "it was killed"),
        ("succeeded", None),
    ]


def test_the_last_failed_attempt_interrupts_the_run(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_id = run_store.enqueue(new_run(max_attempts=2))
    for attempt in (1, 2):
        claimed = claim(run_store)
        run = adopted(engine, claimed)
        stale = run_store.fail_attempt(run_id, run.epoch, error=f"crash {attempt}", caller=CALLER)
        assert stale is not None
        with pytest.raises(RunTakenOverError):
            run.store.save("a", message_of(late=True))
    history = SqlHistory(engine)
    record = history.find(run_id)
    assert record.status is RunStatus.INTERRUPTED
    assert record.error == "Attempt 2 of 2: crash 2"
    assert [attempt.error for attempt in history.attempts_of(run_id)] == ["crash 1", "Attempt 2 of 2: crash 2"]
    assert {artifact.skip_reason for artifact in history.artifacts_of(run_id)} == {SkipReason.INTERRUPTED}
    assert run_store.claim() is None


def test_releasing_a_run_does_not_count_as_an_attempt(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run(max_attempts=1))
    for _ in range(3):
        claimed = claim(run_store)
        assert claimed.attempt == 1
        adopted(engine, claimed)
        assert run_store.release(claimed.run_id, claimed.epoch, caller=CALLER)
    assert not run_store.release(claimed.run_id, claimed.epoch, caller=CALLER)
    outcomes = [attempt.outcome for attempt in SqlHistory(engine).attempts_of(claimed.run_id)]
    assert outcomes == [RELEASED] * 3


def test_a_run_that_is_released_too_often_is_interrupted(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_id = run_store.enqueue(new_run(max_attempts=2))
    for _ in range(MAX_FREE_RELEASES + 2):
        claimed = claim(run_store)
        assert run_store.release(claimed.run_id, claimed.epoch, caller=CALLER)
    assert run_store.claim() is None
    history = SqlHistory(engine)
    record = history.find(run_id)
    assert record.status is RunStatus.INTERRUPTED
    assert record.error == "Attempt 2 of 2: it was released 20 times, by stopped services or after database outages"
    outcomes = [attempt.outcome for attempt in history.attempts_of(run_id)]
    assert outcomes == [RELEASED] * MAX_FREE_RELEASES + ["interrupted"] * 2


def test_a_run_with_an_expired_lease_is_reaped_and_one_with_a_heartbeat_is_not(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    silent, lively = (run_store.enqueue(new_run()) for _ in range(2))
    dead, alive = adopted(engine, claim(run_store)), adopted(engine, claim(run_store))
    assert (dead.run_id, alive.run_id) == (silent, lively)
    expire_lease(engine, silent)
    assert [(stale.run_id, stale.status) for stale in run_store.reap_stale(caller=CALLER)] == [
        (silent, RunStatus.QUEUED)
    ]
    assert run_store.reap_stale(caller=CALLER) == []
    with pytest.raises(RunTakenOverError):
        dead.store.save("a", message_of(late=True))
    alive.store.save("a", message_of(found=1))


def test_a_worker_stopped_in_the_middle_of_a_write_does_not_block_others_for_long(postgres_url: str) -> None:
    engine, stopped = open_engine(postgres_url), open_engine(postgres_url, lease_s=1)
    upgrade(engine)
    run_store = SqlRunStore(engine)

    @sa.event.listens_for(engine, "begin")
    def wait_for_no_lock(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '0.5s'")

    stale = run_store.enqueue(new_run())
    claim(run_store)
    other = run_store.enqueue(new_run())
    with stopped.connect() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == stale), {"lease_until": utc_now() - timedelta(hours=1)})
        connection.commit()
        connection.execute(sa.update(runs).where(runs.c.id == stale), {"error": "half-way"})
        assert run_store.reap_stale(caller=CALLER) == []
        assert claim(run_store).run_id == other
        began = time.monotonic()
        while not (reaped := run_store.reap_stale(caller=CALLER)):
            assert time.monotonic() - began < 30
            time.sleep(0.1)
        assert [stale_run.run_id for stale_run in reaped] == [stale]
        with pytest.raises(DatabaseUnavailableError):
            connection.execute(sa.select(runs.c.id))
    engine.dispose()
    stopped.dispose()


def test_a_run_of_a_dead_process_is_reaped_at_once(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_id = run_store.enqueue(new_run())
    claim(run_store)
    set_owner(engine, run_id, a_dead_process())
    assert [stale.run_id for stale in run_store.reap_stale(caller=CALLER)] == [run_id]


def test_a_run_at_a_terminal_whose_process_is_alive_is_never_reaped(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER)
    _ADOPTED.append(run)
    expire_lease(engine, run.run_id)
    assert SqlRunStore(engine).reap_stale(caller=CALLER) == []


def test_a_run_at_a_terminal_whose_process_was_killed_is_interrupted_everywhere(engine: sa.Engine) -> None:
    run_store, history = SqlRunStore(engine), SqlHistory(engine)
    killed = run_store.create(PLAN, trigger="manual", caller=CALLER)
    alive = run_store.create(PLAN, trigger="manual", caller=CALLER)
    _ADOPTED.extend([killed, alive])
    set_owner(engine, killed.run_id, a_dead_process())
    services = SqlServiceStore(engine)
    assert [run.run_id for run in services.status().running] == [alive.run_id]
    assert history.find(killed.run_id).status is RunStatus.INTERRUPTED
    assert [(stale_run.run_id, stale_run.status) for stale_run in run_store.reap_stale(caller=CALLER)] == [
        (killed.run_id, RunStatus.INTERRUPTED)
    ]
    assert run_store.states_of([killed.run_id])[killed.run_id].status is RunStatus.INTERRUPTED
    assert [run.run_id for run in services.status().running] == [alive.run_id]
    assert {artifact.skip_reason for artifact in history.artifacts_of(killed.run_id)} == {SkipReason.INTERRUPTED}
    resumed = run_store.resume(killed.run_id, PLAN, caller=CALLER)
    _ADOPTED.append(resumed)
    assert {run.run_id for run in services.status().running} == {alive.run_id, killed.run_id}


def a_dead_process() -> ProcessIdentity:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    return replace(ProcessIdentity.this_process(), pid=int(ended.stdout))


def set_owner(engine: sa.Engine, run_id: str, owner: ProcessIdentity) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(worker_id=str(owner)))


def queued_ago(engine: sa.Engine, waited: timedelta, **terms: object) -> str:
    run_id = SqlRunStore(engine).enqueue(new_run(**terms))
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(created_at=utc_now() - waited))
    return run_id


def test_a_point_of_priority_is_worth_ten_minutes_so_that_no_run_waits_for_ever(engine: sa.Engine) -> None:
    urgent = queued_ago(engine, timedelta(0), priority=6)
    older = queued_ago(engine, timedelta(minutes=61))
    younger = queued_ago(engine, timedelta(minutes=59))
    lowest = queued_ago(engine, timedelta(hours=40), priority=-100)
    highest = queued_ago(engine, timedelta(0), priority=100)
    run_store = SqlRunStore(engine)
    claimed = [claim(run_store).run_id for _ in range(5)]
    assert claimed == [lowest, highest, older, urgent, younger]


def test_claiming_reads_the_queued_runs_by_an_index(engine: sa.Engine) -> None:
    ended = {"runbook_name": "Scan", "trigger": "manual", "status": "succeeded", "epoch": 1, "created_at": utc_now()}
    with writing(engine) as connection:
        connection.execute(sa.insert(runs), [{**ended, "id": f"{number:036d}"} for number in range(1_000)])
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE runs")
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "ORDER BY" in statement and "schedule_name" in statement:
            asked.append((statement, parameters))

    SqlRunStore(engine).enqueue(new_run())
    sa.event.listen(engine, "before_cursor_execute", note)
    claim(SqlRunStore(engine))
    sa.event.remove(engine, "before_cursor_execute", note)
    ((statement, parameters),) = asked
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        plan = "\n".join(map(str, connection.exec_driver_sql(f"{explain} {statement}", parameters)))
    assert "ix_runs_status_created_at" in plan
    assert "SCAN runs" not in plan
    assert "Seq Scan on runs" not in plan


@pytest.mark.parametrize("status", [RunStatus.TIMED_OUT, RunStatus.FAILED])
def test_a_run_is_closed_for_a_process_that_cannot_close_it(engine: sa.Engine, status: RunStatus) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run())
    run = adopted(engine, claim(run_store))
    run.store.save("a", message_of(found=1))
    assert run_store.close(run.run_id, run.epoch, status, error="stuck", caller=CALLER)
    assert not run_store.close(run.run_id, run.epoch, RunStatus.CANCELLED, caller=CALLER)
    with pytest.raises(RunTakenOverError):
        run.log.close(RunStatus.SUCCEEDED)
    history = SqlHistory(engine)
    assert (history.find(run.run_id).status, history.find(run.run_id).error) == (status, "stuck")
    assert [artifact.status for artifact in history.artifacts_of(run.run_id)] == [
        ArtifactStatus.SUCCEEDED,
        ArtifactStatus.SKIPPED,
    ]


def test_queued_and_running_runs_can_be_cancelled(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    running, queued = run_store.enqueue(new_run()), run_store.enqueue(new_run())
    run = adopted(engine, claim(run_store))
    assert run_store.cancel(queued, caller=CALLER) is RunStatus.QUEUED
    assert run_store.cancel(running, caller=CALLER) is RunStatus.RUNNING
    with pytest.raises(RunTakenOverError):
        run.store.save("a", message_of(late=True))
    history = SqlHistory(engine)
    assert {history.find(run_id).status for run_id in (queued, running)} == {RunStatus.CANCELLED}
    assert {artifact.skip_reason for artifact in history.artifacts_of(running)} == {SkipReason.CANCELLED}
    with pytest.raises(RunError, match="has already ended: cancelled"):
        run_store.cancel(running, caller=CALLER)
    with pytest.raises(RunError, match="There is no run"):
        run_store.cancel("nowhere", caller=CALLER)


def test_a_run_at_a_terminal_can_be_cancelled(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER)
    _ADOPTED.append(run)
    assert SqlRunStore(engine).cancel(run.run_id, caller=CALLER) is RunStatus.RUNNING
    with pytest.raises(RunTakenOverError):
        run.store.save("a", message_of(late=True))


def test_the_state_of_a_run_holds_its_epoch(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run())
    claimed = claim(run_store)
    assert run_store.states_of([claimed.run_id])[claimed.run_id].epoch == claimed.epoch
    run_store.fail_attempt(claimed.run_id, claimed.epoch, error="gone", caller=CALLER)
    state = run_store.states_of([claimed.run_id, "nowhere"])[claimed.run_id]
    assert (state.status, state.epoch > claimed.epoch) == (RunStatus.QUEUED, True)


def test_a_run_that_was_released_before_it_started_cannot_be_adopted(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run())
    claimed = claim(run_store)
    run_store.release(claimed.run_id, claimed.epoch, caller=CALLER)
    with pytest.raises(RunTakenOverError, match="changed owners before it started"):
        adopted(engine, claimed)


def test_a_later_attempt_refuses_a_changed_runbook(engine: sa.Engine) -> None:
    run_store = SqlRunStore(engine)
    run_store.enqueue(new_run())
    run = adopted(engine, claim(run_store))
    run_store.fail_attempt(run.run_id, run.epoch, error="gone", caller=CALLER)
    with pytest.raises(RunError, match="another version of the runbook"):
        adopted(engine, claim(run_store), plan_of_dag({"a": [], "b": []}))


def test_a_queued_run_cannot_be_resumed(engine: sa.Engine) -> None:
    run_id = SqlRunStore(engine).enqueue(new_run())
    with pytest.raises(RunError, match="is queued for a worker"):
        SqlRunStore(engine).resume(run_id, PLAN, caller=CALLER)
