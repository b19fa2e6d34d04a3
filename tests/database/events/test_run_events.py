"""Events of runs and schedules on every database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER, OTHER_CALLER, SERVICE, WORKER
from waivern import Message, WaivernError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.events.run_merkle import RunMerkle
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import artifacts, runs
from waivern.history.events import Event
from waivern.runs.run import RunStatus
from waivern.runs.run_store import NewRun, RunHandle
from waivern.schedules.schedule import ScheduleDefinition
from waivern.schedules.timing import Cron, Every
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"source": [], "found": ["source"]})


def recorded(engine: sa.Engine) -> Sequence[Event]:
    return list(SqlAuditLog(engine).read(after=1))


def kinds(engine: sa.Engine) -> list[str]:
    return [event.kind for event in recorded(engine)]


def started(engine: sa.Engine) -> RunHandle:
    return SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER)


def finished(run: RunHandle, status: RunStatus = RunStatus.SUCCEEDED) -> str:
    run.store.save("source", message_of(found=1))
    if status is RunStatus.SUCCEEDED:
        run.store.save("found", message_of(found=2))
    run.log.close(status)
    return run.run_id


def root_of(engine: sa.Engine, run_id: str) -> str:
    with engine.connect() as connection:
        return RunMerkle.of(connection, run_id).root


def test_opening_and_closing_a_run_is_recorded(engine: sa.Engine) -> None:
    run_id = finished(started(engine))
    opened, closed = recorded(engine)
    assert (opened.kind, opened.actor) == ("run.opened", str(CALLER))
    assert opened.body == {
        "run": run_id,
        "runbook": PLAN.runbook.name,
        "runbook_digest": PLAN.digest,
        "trigger": "manual",
    }
    assert (closed.kind, closed.actor) == ("run.closed", str(CALLER))
    assert closed.body["status"] == "succeeded"
    assert closed.body["runbook_digest"] == PLAN.digest
    assert closed.body["artifacts"] == {"total": 2, "succeeded": 2}
    assert closed.body["root"] == root_of(engine, run_id)


def test_a_run_refers_to_its_newest_event(engine: sa.Engine) -> None:
    run_id = finished(started(engine))
    with engine.connect() as connection:
        seq = connection.scalar(sa.select(runs.c.event_seq).where(runs.c.id == run_id))
    assert seq == recorded(engine)[-1].seq


def test_a_changed_artifact_changes_the_root(engine: sa.Engine) -> None:
    run_id = finished(started(engine))
    before = root_of(engine, run_id)
    with engine.begin() as connection:
        connection.execute(sa.update(artifacts).where(artifacts.c.artifact_id == "found").values(message_id="other"))
    assert root_of(engine, run_id) != before


def test_a_resumed_run_is_closed_again_with_a_root_over_all_its_artifacts(engine: sa.Engine) -> None:
    run_id = finished(started(engine), RunStatus.FAILED)
    finished(SqlRunStore(engine).resume(run_id, PLAN, caller=OTHER_CALLER))
    first, resumed, second = recorded(engine)[1:]
    assert [first.body["status"], resumed.kind, second.body["status"]] == ["failed", "run.resumed", "succeeded"]
    assert (resumed.actor, second.actor, resumed.body) == (
        str(OTHER_CALLER),
        str(OTHER_CALLER),
        {"run": run_id, "epoch": 2},
    )
    assert second.body["root"] == root_of(engine, run_id) != first.body["root"]


def test_resuming_a_succeeded_run_records_nothing(engine: sa.Engine) -> None:
    run_id = finished(started(engine))
    with pytest.raises(WaivernError):
        SqlRunStore(engine).resume(run_id, PLAN, caller=CALLER)
    assert kinds(engine) == ["run.opened", "run.closed"]


def queued(engine: sa.Engine, *, attempts: int = 1) -> str:
    run = NewRun(runbook=Path("/x.yaml"), runbook_name="built", trigger="manual", max_attempts=attempts)
    return SqlRunStore(engine).enqueue(run)


def test_cancelling_a_run_is_recorded_with_the_caller(engine: sa.Engine) -> None:
    run_id = queued(engine)
    SqlRunStore(engine).cancel(run_id, caller=CALLER)
    (closed,) = recorded(engine)
    assert (closed.actor, closed.body["run"], closed.body["status"]) == (str(CALLER), run_id, "cancelled")
    assert closed.body["root"] == root_of(engine, run_id)


def test_a_run_of_a_dead_worker_is_closed_by_the_service_that_noticed(engine: sa.Engine) -> None:
    queued(engine)
    queue = SqlRunStore(engine)
    claimed = queue.claim()
    assert claimed is not None
    run = queue.adopt_claimed(claimed, PLAN, caller=WORKER)
    assert queue.fail_attempt(claimed.run_id, claimed.epoch, error="gone", caller=SERVICE) is not None
    opened, closed = recorded(engine)
    assert (opened.actor, closed.actor, closed.body["status"]) == (str(WORKER), str(SERVICE), "interrupted")
    assert closed.body["root"] == root_of(engine, claimed.run_id)
    with pytest.raises(WaivernError):
        run.log.close(RunStatus.SUCCEEDED)
    assert kinds(engine) == ["run.opened", "run.closed"]


def test_a_run_that_is_queued_again_is_resumed_in_its_next_attempt(engine: sa.Engine) -> None:
    queued(engine, attempts=2)
    queue = SqlRunStore(engine)
    first = queue.claim()
    assert first is not None
    queue.adopt_claimed(first, PLAN, caller=CALLER)
    queue.fail_attempt(first.run_id, first.epoch, error="gone", caller=SERVICE)
    second = queue.claim()
    assert second is not None
    run_id = finished(queue.adopt_claimed(second, PLAN, caller=CALLER))
    assert kinds(engine) == ["run.opened", "run.resumed", "run.closed"]
    assert recorded(engine)[-1].body["root"] == root_of(engine, run_id)


def test_a_refused_message_leaves_no_event(engine: sa.Engine) -> None:
    run = started(engine)
    with pytest.raises(WaivernError):
        run.store.save("source", Message("", {"a": object()}, message_of().schema))
    run.log.close(RunStatus.FAILED)
    assert kinds(engine) == ["run.opened", "run.closed"]


def test_every_change_of_a_schedule_is_recorded(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine)
    daily = ScheduleDefinition(
        name="daily", runbook=Path("/x.yaml"), runbook_name="x", timing=Cron("0 2 * * *", "Europe/London")
    )
    hourly = Every(3600.0, datetime(2026, 1, 1, tzinfo=UTC))
    schedule = store.add(daily, caller=CALLER)
    store.change(schedule.id, replace(daily, timing=hourly), caller=CALLER)
    store.pause(schedule.id, because="holidays", caller=CALLER)
    store.resume(schedule.id, caller=CALLER)
    store.remove(schedule.id, caller=CALLER)
    added, changed, paused, resumed, removed = recorded(engine)
    assert [event.kind.removeprefix("schedule.") for event in recorded(engine)] == [
        *("added", "changed", "paused", "resumed", "removed")
    ]
    assert {event.actor for event in recorded(engine)} == {str(CALLER)}
    assert {event.body["schedule"] for event in recorded(engine)} == {schedule.id}
    assert added.body["settings"]["expression"] == "0 2 * * *"
    assert (changed.body["from"]["kind"], changed.body["to"]["kind"]) == ("cron", "every")
    assert paused.body == {"schedule": schedule.id, "name": "daily", "because": "holidays"}
    assert resumed.body == removed.body == {"schedule": schedule.id, "name": "daily"}


def test_a_refused_schedule_leaves_no_event(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine)
    daily = ScheduleDefinition(name="daily", runbook=Path("/x.yaml"), runbook_name="x", timing=Cron("0 2 * * *", "UTC"))
    store.add(daily, caller=CALLER)
    with pytest.raises(WaivernError):
        store.add(daily, caller=CALLER)
    assert kinds(engine) == ["schedule.added"]
