"""What every database does with queued runs: one claimant each, and whoever loses a run can write it no more."""

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
from waivern.database.schema.migration import upgrade
from waivern.database.schema.tables import runs
from waivern.errors import DatabaseUnavailableError, WaivernError
from waivern.history.run_records import Worker
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason, utc_now
from waivern.runs.run_store import MAX_FREE_RELEASES, RELEASED, ClaimedRun, NewRun, RunHandle
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": ["a"]})
_BEGUN: list[RunHandle] = []


def new(**terms: object) -> NewRun:
    return replace(NewRun(Path("/scan.yaml"), "Scan", "trigger"), **terms)  # type: ignore[arg-type]


def claimed_from(queue: SqlRunStore) -> ClaimedRun:
    claimed = queue.claim()
    assert claimed is not None
    return claimed


def begun(engine: sa.Engine, claimed: ClaimedRun, plan: ExecutionPlan = PLAN) -> RunHandle:
    run = SqlRunStore(engine).adopt_claimed(claimed, plan, caller=CALLER)
    _BEGUN.append(run)
    return run


@pytest.fixture(autouse=True)
def _no_heartbeat_outlives_its_test(engine: sa.Engine) -> Iterator[None]:
    yield
    for run in _BEGUN:
        with suppress(WaivernError, RuntimeError):
            run.log.close(RunStatus.INTERRUPTED)
    _BEGUN.clear()


def let_lease_run_out(engine: sa.Engine, run_id: str) -> None:
    with writing(engine) as connection:
        past = utc_now() - timedelta(seconds=1)
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(lease_until=past))


def test_a_queued_run_is_claimed_once_with_everything_needed_to_execute_it(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    run_id = queue.enqueue(new(working_directory=Path("/data"), max_attempts=5))
    claimed = claimed_from(queue)
    assert (claimed.run_id, claimed.epoch, claimed.attempt, claimed.max_attempts) == (run_id, 1, 1, 5)
    assert (claimed.runbook, claimed.working_directory) == (Path("/scan.yaml"), Path("/data"))
    assert queue.claim() is None


def test_runs_are_claimed_by_priority_then_in_the_order_of_queueing(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    low, first, second, high = (queue.enqueue(new(priority=priority)) for priority in (-1, 0, 0, 1))
    assert [claimed_from(queue).run_id for _ in range(4)] == [high, first, second, low]


def test_a_run_is_not_claimed_before_it_is_available(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new(available_at=utc_now() + timedelta(hours=1)))
    assert queue.claim() is None
    now = queue.enqueue(new(available_at=utc_now() - timedelta(seconds=1), priority=-5))
    assert claimed_from(queue).run_id == now


def test_concurrent_claimants_never_claim_the_same_run(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    added = {queue.enqueue(new()) for _ in range(60)}
    together = threading.Barrier(6)

    def claim_all() -> list[str]:
        together.wait()
        found = []
        while (claimed := queue.claim()) is not None:
            found.append(claimed.run_id)
        return found

    with ThreadPoolExecutor(6) as claimants:
        shares = [each.result() for each in [claimants.submit(claim_all) for _ in range(6)]]
    claimed = [run_id for share in shares for run_id in share]
    assert sorted(claimed) == sorted(added)


def test_a_claimed_run_is_recorded_with_its_epoch_and_attempt(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new())
    run = begun(engine, claimed_from(queue))
    run.store.save("a", message_of(found=1))
    run.store.save("b", message_of(found=2))
    run.log.close(RunStatus.SUCCEEDED)
    history = SqlHistory(engine)
    record = history.find(run.run_id)
    assert (record.status, record.attempts, record.trigger) == (RunStatus.SUCCEEDED, 1, "trigger")
    assert [(each.outcome, each.worker) for each in history.attempts_of(run.run_id)] == [
        ("succeeded", Worker(ProcessIdentity.this_process().host, ProcessIdentity.this_process().pid))
    ]


def test_a_failed_attempt_queues_the_run_again_and_the_next_worker_redoes_nothing(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new())
    first = begun(engine, claimed_from(queue))
    first.store.save("a", message_of(found=1))
    lost = queue.fail_attempt(first.run_id, first.epoch, error="it was killed", caller=CALLER)
    assert lost is not None
    assert (lost.status, lost.attempt) == (RunStatus.QUEUED, 1)
    again = claimed_from(queue)
    assert (again.attempt, again.epoch > first.epoch) == (2, True)
    second = begun(engine, again)
    assert second.log.open(PLAN) == {"a"}
    with pytest.raises(RunTakenOverError):
        first.store.save("b", message_of(late=True))
    second.store.save("b", message_of(found=2))
    second.log.close(RunStatus.SUCCEEDED)
    attempts = SqlHistory(engine).attempts_of(first.run_id)
    assert [(each.outcome, each.error) for each in attempts] == [
        ("interrupted", "it was killed"),
        ("succeeded", None),
    ]


def test_the_last_failed_attempt_interrupts_the_run(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    run_id = queue.enqueue(new(max_attempts=2))
    for attempt in (1, 2):
        claimed = claimed_from(queue)
        run = begun(engine, claimed)
        lost = queue.fail_attempt(run_id, run.epoch, error=f"crash {attempt}", caller=CALLER)
        assert lost is not None
        with pytest.raises(RunTakenOverError):
            run.store.save("a", message_of(late=True))
    history = SqlHistory(engine)
    record = history.find(run_id)
    assert record.status is RunStatus.INTERRUPTED
    assert record.error == "Attempt 2 of 2: crash 2"
    assert [each.error for each in history.attempts_of(run_id)] == ["crash 1", "Attempt 2 of 2: crash 2"]
    assert {each.skip_reason for each in history.artifacts_of(run_id)} == {SkipReason.INTERRUPTED}
    assert queue.claim() is None


def test_releasing_a_run_does_not_count_as_an_attempt(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new(max_attempts=1))
    for _ in range(3):
        claimed = claimed_from(queue)
        assert claimed.attempt == 1
        begun(engine, claimed)
        assert queue.release(claimed.run_id, claimed.epoch, caller=CALLER)
    assert not queue.release(claimed.run_id, claimed.epoch, caller=CALLER)
    outcomes = [each.outcome for each in SqlHistory(engine).attempts_of(claimed.run_id)]
    assert outcomes == [RELEASED] * 3


def test_a_run_that_is_released_too_often_is_interrupted(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    run_id = queue.enqueue(new(max_attempts=2))
    for _ in range(MAX_FREE_RELEASES + 2):
        claimed = claimed_from(queue)
        assert queue.release(claimed.run_id, claimed.epoch, caller=CALLER)
    assert queue.claim() is None
    history = SqlHistory(engine)
    record = history.find(run_id)
    assert record.status is RunStatus.INTERRUPTED
    assert record.error == "Attempt 2 of 2: it was released 20 times, by stopped services or after database outages"
    outcomes = [each.outcome for each in history.attempts_of(run_id)]
    assert outcomes == [RELEASED] * MAX_FREE_RELEASES + ["interrupted"] * 2


def test_a_run_with_an_expired_lease_is_reaped_and_one_with_a_heartbeat_is_not(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    silent, lively = (queue.enqueue(new()) for _ in range(2))
    dead, alive = begun(engine, claimed_from(queue)), begun(engine, claimed_from(queue))
    assert (dead.run_id, alive.run_id) == (silent, lively)
    let_lease_run_out(engine, silent)
    assert [(lost.run_id, lost.status) for lost in queue.reap_stale(caller=CALLER)] == [(silent, RunStatus.QUEUED)]
    assert queue.reap_stale(caller=CALLER) == []
    with pytest.raises(RunTakenOverError):
        dead.store.save("a", message_of(late=True))
    alive.store.save("a", message_of(found=1))


def test_a_worker_stopped_in_the_middle_of_a_write_does_not_block_others_for_long(postgres_url: str) -> None:
    engine, stopped = open_engine(postgres_url), open_engine(postgres_url, lease_s=1)
    upgrade(engine)
    queue = SqlRunStore(engine)

    @sa.event.listens_for(engine, "begin")
    def wait_for_no_lock(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '0.5s'")

    lost = queue.enqueue(new())
    claimed_from(queue)
    other = queue.enqueue(new())
    with stopped.connect() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == lost), {"lease_until": utc_now()})
        connection.commit()
        connection.execute(sa.update(runs).where(runs.c.id == lost), {"error": "half-way"})
        assert queue.reap_stale(caller=CALLER) == []
        assert claimed_from(queue).run_id == other
        began = time.monotonic()
        while not (recovered := queue.reap_stale(caller=CALLER)):
            assert time.monotonic() - began < 30
            time.sleep(0.1)
        assert [each.run_id for each in recovered] == [lost]
        with pytest.raises(DatabaseUnavailableError):
            connection.execute(sa.select(runs.c.id))
    engine.dispose()
    stopped.dispose()


def test_a_run_of_a_dead_process_is_reaped_at_once(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    run_id = queue.enqueue(new())
    claimed_from(queue)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    owner = str(replace(ProcessIdentity.this_process(), pid=int(ended.stdout)))
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(worker_id=owner))
    assert [lost.run_id for lost in queue.reap_stale(caller=CALLER)] == [run_id]


def test_a_run_at_a_terminal_is_never_reaped(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER)
    _BEGUN.append(run)
    let_lease_run_out(engine, run.run_id)
    assert SqlRunStore(engine).reap_stale(caller=CALLER) == []


@pytest.mark.parametrize("status", [RunStatus.TIMED_OUT, RunStatus.FAILED])
def test_a_run_is_closed_for_a_process_that_cannot_close_it(engine: sa.Engine, status: RunStatus) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new())
    run = begun(engine, claimed_from(queue))
    run.store.save("a", message_of(found=1))
    assert queue.close(run.run_id, run.epoch, status, error="stuck", caller=CALLER)
    assert not queue.close(run.run_id, run.epoch, RunStatus.CANCELLED, caller=CALLER)
    with pytest.raises(RunTakenOverError):
        run.log.close(RunStatus.SUCCEEDED)
    history = SqlHistory(engine)
    assert (history.find(run.run_id).status, history.find(run.run_id).error) == (status, "stuck")
    assert [each.status for each in history.artifacts_of(run.run_id)] == [
        ArtifactStatus.SUCCEEDED,
        ArtifactStatus.SKIPPED,
    ]


def test_queued_and_running_runs_can_be_cancelled(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    running, queued = queue.enqueue(new()), queue.enqueue(new())
    run = begun(engine, claimed_from(queue))
    assert queue.cancel(queued, caller=CALLER) is RunStatus.QUEUED
    assert queue.cancel(running, caller=CALLER) is RunStatus.RUNNING
    with pytest.raises(RunTakenOverError):
        run.store.save("a", message_of(late=True))
    history = SqlHistory(engine)
    assert {history.find(each).status for each in (queued, running)} == {RunStatus.CANCELLED}
    assert {each.skip_reason for each in history.artifacts_of(running)} == {SkipReason.CANCELLED}
    with pytest.raises(RunError, match="has already ended: cancelled"):
        queue.cancel(running, caller=CALLER)
    with pytest.raises(RunError, match="There is no run"):
        queue.cancel("nowhere", caller=CALLER)


def test_a_run_at_a_terminal_can_be_cancelled(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER)
    _BEGUN.append(run)
    assert SqlRunStore(engine).cancel(run.run_id, caller=CALLER) is RunStatus.RUNNING
    with pytest.raises(RunTakenOverError):
        run.store.save("a", message_of(late=True))


def test_the_state_of_a_run_holds_its_epoch(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new())
    claimed = claimed_from(queue)
    assert queue.states_of([claimed.run_id])[claimed.run_id].epoch == claimed.epoch
    queue.fail_attempt(claimed.run_id, claimed.epoch, error="gone", caller=CALLER)
    state = queue.states_of([claimed.run_id, "nowhere"])[claimed.run_id]
    assert (state.status, state.epoch > claimed.epoch) == (RunStatus.QUEUED, True)


def test_a_run_that_was_released_before_it_started_cannot_be_adopted(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new())
    claimed = claimed_from(queue)
    queue.release(claimed.run_id, claimed.epoch, caller=CALLER)
    with pytest.raises(RunTakenOverError, match="changed owners before it started"):
        begun(engine, claimed)


def test_a_later_attempt_refuses_a_changed_runbook(engine: sa.Engine) -> None:
    queue = SqlRunStore(engine)
    queue.enqueue(new())
    run = begun(engine, claimed_from(queue))
    queue.fail_attempt(run.run_id, run.epoch, error="gone", caller=CALLER)
    with pytest.raises(RunError, match="another version of the runbook"):
        begun(engine, claimed_from(queue), plan_of_dag({"a": [], "b": []}))


def test_a_queued_run_cannot_be_resumed(engine: sa.Engine) -> None:
    run_id = SqlRunStore(engine).enqueue(new())
    with pytest.raises(RunError, match="is queued for a worker"):
        SqlRunStore(engine).resume(run_id, PLAN, caller=CALLER)
