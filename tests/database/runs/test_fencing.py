"""A worker that has lost its run changes nothing, even while another worker executes the run under a higher epoch."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern.database.audit_log import SqlAuditLog
from waivern.database.connection.engine import writing
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import run_attempts, runs
from waivern.errors import RunError, RunTakenOverError
from waivern.runs.run import ArtifactChange, ArtifactStatus, RunStatus, utc_now
from waivern.runs.run_store import ClaimedRun, NewRun, RunHandle
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": ["a"]})

Write = Callable[[SqlRunStore, ClaimedRun], object]

CHANGES: dict[str, Write] = {
    "close": lambda store, run: store.close(run.run_id, run.epoch, RunStatus.FAILED, caller=CALLER),
    "release": lambda store, run: store.release(run.run_id, run.epoch, caller=CALLER),
    "fail_attempt": lambda store, run: store.fail_attempt(run.run_id, run.epoch, caller=CALLER, error="gone"),
}


def claim(store: SqlRunStore) -> ClaimedRun:
    claimed = store.claim()
    assert claimed is not None
    return claimed


def two_claims(store: SqlRunStore) -> tuple[ClaimedRun, ClaimedRun]:
    """Return the outdated and the current claim of one run, which is running."""
    store.enqueue(NewRun(Path("/scan.yaml"), "Scan", "trigger", max_attempts=5))
    first = claim(store)
    assert store.fail_attempt(first.run_id, first.epoch, caller=CALLER, error="lost") is not None
    second = claim(store)
    assert (second.run_id, second.epoch > first.epoch) == (first.run_id, True)
    return first, second


def rows_of(engine: sa.Engine, run_id: str) -> list[object]:
    """Return all that the database holds of a run and its attempts."""
    with engine.connect() as connection:
        run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).all()
        attempts = connection.execute(sa.select(run_attempts).where(run_attempts.c.run_id == run_id)).all()
        return [*run, *attempts]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_running_run_cannot_be_changed_under_a_lower_epoch(engine: sa.Engine, change: Write) -> None:
    store = SqlRunStore(engine)
    outdated, current = two_claims(store)
    rows, events = rows_of(engine, current.run_id), list(SqlAuditLog(engine).newest(limit=1))
    assert not change(store, outdated)
    assert rows_of(engine, current.run_id) == rows
    assert list(SqlAuditLog(engine).newest(limit=1)) == events


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_running_run_cannot_be_changed_under_an_epoch_that_is_still_to_come(engine: sa.Engine, change: Write) -> None:
    store = SqlRunStore(engine)
    _, current = two_claims(store)
    rows = rows_of(engine, current.run_id)
    assert not change(store, ClaimedRun(**{**vars(current), "epoch": current.epoch + 1}))
    assert rows_of(engine, current.run_id) == rows


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_running_run_can_be_changed_under_its_epoch_once(engine: sa.Engine, change: Write) -> None:
    store = SqlRunStore(engine)
    _, current = two_claims(store)
    assert change(store, current)
    rows = rows_of(engine, current.run_id)
    assert not change(store, current)
    assert rows_of(engine, current.run_id) == rows


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("ended", [RunStatus.SUCCEEDED, RunStatus.CANCELLED])
def test_an_ended_run_cannot_be_changed_under_its_last_epoch(
    engine: sa.Engine, change: Write, ended: RunStatus
) -> None:
    store = SqlRunStore(engine)
    _, current = two_claims(store)
    store.close(current.run_id, current.epoch, ended, caller=CALLER)
    rows = rows_of(engine, current.run_id)
    last = store.states_of([current.run_id])[current.run_id].epoch
    assert not change(store, ClaimedRun(**{**vars(current), "epoch": last}))
    assert rows_of(engine, current.run_id) == rows


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_concerns_one_run_only(engine: sa.Engine, change: Write) -> None:
    store = SqlRunStore(engine)
    _, other = two_claims(store)
    store.enqueue(NewRun(Path("/scan.yaml"), "Scan", "trigger"))
    current = claim(store)
    rows = rows_of(engine, other.run_id)
    assert change(store, ClaimedRun(**{**vars(current), "epoch": current.epoch}))
    assert rows_of(engine, other.run_id) == rows


def test_a_claim_under_a_lower_epoch_cannot_be_adopted(engine: sa.Engine) -> None:
    store = SqlRunStore(engine)
    outdated, current = two_claims(store)
    with pytest.raises(RunTakenOverError):
        store.adopt_claimed(outdated, PLAN, caller=CALLER)
    store.adopt_claimed(current, PLAN, caller=CALLER).log.close(RunStatus.FAILED)


def test_an_owner_under_a_lower_epoch_saves_records_and_closes_nothing(engine: sa.Engine) -> None:
    store = SqlRunStore(engine)
    store.enqueue(NewRun(Path("/scan.yaml"), "Scan", "trigger"))
    first = claim(store)
    outdated = store.adopt_claimed(first, PLAN, caller=CALLER)
    store.fail_attempt(first.run_id, first.epoch, caller=CALLER, error="lost")
    current = store.adopt_claimed(claim(store), PLAN, caller=CALLER)
    for write in (save, record, close):
        with pytest.raises(RunTakenOverError):
            write(outdated)
    state = store.states_of([first.run_id])[first.run_id]
    assert (state.epoch, state.status) == (current.epoch, RunStatus.RUNNING)
    assert current.store.list_artifacts() == []
    current.log.close(RunStatus.SUCCEEDED)


def save(run: RunHandle) -> None:
    run.store.save("a", message_of(late=True))


def record(run: RunHandle) -> None:
    run.log.record(ArtifactChange("a", ArtifactStatus.FAILED, utc_now(), error="late"))
    run.store.save("b", message_of(late=True))  # a change is committed with the next save


def close(run: RunHandle) -> None:
    run.log.close(RunStatus.SUCCEEDED)


def test_a_stale_run_that_has_sent_a_heartbeat_since_it_was_read_is_not_reaped(engine: sa.Engine) -> None:
    store = SqlRunStore(engine)
    _, current = two_claims(store)
    with engine.connect() as connection:
        read = connection.execute(sa.select(runs).where(runs.c.id == current.run_id)).one()
    with writing(engine) as connection:
        later = read.lease_until + timedelta(seconds=10)
        connection.execute(sa.update(runs).where(runs.c.id == current.run_id).values(lease_until=later))
    rows = rows_of(engine, current.run_id)
    assert store._reaped(read, CALLER) is None
    assert rows_of(engine, current.run_id) == rows


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING])
def test_cancelling_raises_the_epoch_of_that_run_only(engine: sa.Engine, status: RunStatus) -> None:
    store = SqlRunStore(engine)
    _, other = two_claims(store)
    run_id = store.enqueue(NewRun(Path("/scan.yaml"), "Scan", "trigger"))
    if status is RunStatus.RUNNING:
        claim(store)
    rows, epoch = rows_of(engine, other.run_id), store.states_of([run_id])[run_id].epoch
    assert store.cancel(run_id, caller=CALLER) is status
    assert store.states_of([run_id])[run_id].epoch == epoch + 1
    assert rows_of(engine, other.run_id) == rows


def test_a_timed_out_run_cannot_be_cancelled(engine: sa.Engine) -> None:
    store = SqlRunStore(engine)
    _, current = two_claims(store)
    store.close(current.run_id, current.epoch, RunStatus.TIMED_OUT, caller=CALLER)
    with pytest.raises(RunError, match="has already ended: timed out"):
        store.cancel(current.run_id, caller=CALLER)
