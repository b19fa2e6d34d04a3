"""Events of runs and schedules on every database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from waivern import Message, WaivernError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.events.run_merkle import RunMerkle
from waivern.database.runs.run_queue import SqlRunQueue
from waivern.database.runs.run_register import SqlRunRegister
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import artifacts, runs
from waivern.history.events import Event
from waivern.runs.run import RunStatus
from waivern.runs.run_log import OpenRun
from waivern.runs.run_queue import NewRun
from waivern.schedules.schedule import ScheduleDefinition
from waivern.schedules.timing import Cron, Every
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"source": [], "found": ["source"]})
ANN, CLOCK = "ann@desk", "waivern serve@host"


def recorded(engine: sa.Engine) -> Sequence[Event]:
    return list(SqlAuditLog(engine).read(after=1))


def kinds(engine: sa.Engine) -> list[str]:
    return [event.kind for event in recorded(engine)]


def started(engine: sa.Engine, *, actor: str = ANN) -> OpenRun:
    return SqlRunRegister(engine, actor=actor).begin(PLAN, trigger="manual")


def finished(run: OpenRun, status: RunStatus = RunStatus.SUCCEEDED) -> str:
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
    assert (opened.kind, opened.actor) == ("run.opened", ANN)
    assert opened.body == {
        "run": run_id,
        "runbook": PLAN.runbook.name,
        "runbook_digest": PLAN.digest,
        "trigger": "manual",
    }
    assert (closed.kind, closed.actor) == ("run.closed", ANN)
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
    finished(SqlRunRegister(engine, actor="ben@desk").take_up(run_id, PLAN))
    first, resumed, second = recorded(engine)[1:]
    assert [first.body["status"], resumed.kind, second.body["status"]] == ["failed", "run.resumed", "succeeded"]
    assert (resumed.actor, second.actor, resumed.body) == ("ben@desk", "ben@desk", {"run": run_id, "epoch": 2})
    assert second.body["root"] == root_of(engine, run_id) != first.body["root"]


def test_resuming_a_succeeded_run_records_nothing(engine: sa.Engine) -> None:
    run_id = finished(started(engine))
    with pytest.raises(WaivernError):
        SqlRunRegister(engine).take_up(run_id, PLAN)
    assert kinds(engine) == ["run.opened", "run.closed"]


def queued(engine: sa.Engine, *, attempts: int = 1) -> str:
    run = NewRun(runbook=Path("/x.yaml"), runbook_name="built", trigger="manual", max_attempts=attempts)
    return SqlRunQueue(engine).add(run)


def test_cancelling_a_run_is_recorded_with_the_caller(engine: sa.Engine) -> None:
    run_id = queued(engine)
    SqlRunQueue(engine, actor=ANN).cancel(run_id)
    (closed,) = recorded(engine)
    assert (closed.actor, closed.body["run"], closed.body["status"]) == (ANN, run_id, "cancelled")
    assert closed.body["root"] == root_of(engine, run_id)


def test_a_run_of_a_dead_worker_is_closed_by_the_service_that_noticed(engine: sa.Engine) -> None:
    queued(engine)
    queue = SqlRunQueue(engine, actor=CLOCK)
    claimed = queue.claim()
    assert claimed is not None
    run = SqlRunRegister(engine, actor="waivern worker@host").start(claimed, PLAN)
    assert queue.lose(claimed.run_id, claimed.epoch, error="gone") is not None
    opened, closed = recorded(engine)
    assert (opened.actor, closed.actor, closed.body["status"]) == ("waivern worker@host", CLOCK, "interrupted")
    assert closed.body["root"] == root_of(engine, claimed.run_id)
    with pytest.raises(WaivernError):
        run.log.close(RunStatus.SUCCEEDED)
    assert kinds(engine) == ["run.opened", "run.closed"]


def test_a_run_that_is_queued_again_is_resumed_in_its_next_attempt(engine: sa.Engine) -> None:
    queued(engine, attempts=2)
    queue = SqlRunQueue(engine, actor=CLOCK)
    first = queue.claim()
    assert first is not None
    SqlRunRegister(engine, actor=CLOCK).start(first, PLAN)
    queue.lose(first.run_id, first.epoch, error="gone")
    second = queue.claim()
    assert second is not None
    run_id = finished(SqlRunRegister(engine, actor=CLOCK).start(second, PLAN))
    assert kinds(engine) == ["run.opened", "run.resumed", "run.closed"]
    assert recorded(engine)[-1].body["root"] == root_of(engine, run_id)


def test_a_refused_message_leaves_no_event(engine: sa.Engine) -> None:
    run = started(engine)
    with pytest.raises(WaivernError):
        run.store.save("source", Message("", {"a": object()}, message_of().schema))
    run.log.close(RunStatus.FAILED)
    assert kinds(engine) == ["run.opened", "run.closed"]


def test_every_change_of_a_schedule_is_recorded(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine, actor=ANN)
    daily = ScheduleDefinition(
        name="daily", runbook=Path("/x.yaml"), runbook_name="x", timing=Cron("0 2 * * *", "Europe/London")
    )
    hourly = Every(3600.0, datetime(2026, 1, 1, tzinfo=UTC))
    schedule = store.add(daily)
    store.change(schedule.id, ScheduleDefinition(name="daily", runbook=daily.runbook, runbook_name="x", timing=hourly))
    store.pause(schedule.id, because="holidays")
    store.resume(schedule.id)
    store.remove(schedule.id)
    added, changed, paused, resumed, removed = recorded(engine)
    assert [event.kind.removeprefix("schedule.") for event in recorded(engine)] == [
        *("added", "changed", "paused", "resumed", "removed")
    ]
    assert {event.actor for event in recorded(engine)} == {ANN}
    assert {event.body["schedule"] for event in recorded(engine)} == {schedule.id}
    assert added.body["terms"]["expression"] == "0 2 * * *"
    assert (changed.body["from"]["kind"], changed.body["to"]["kind"]) == ("cron", "every")
    assert paused.body == {"schedule": schedule.id, "name": "daily", "because": "holidays"}
    assert resumed.body == removed.body == {"schedule": schedule.id, "name": "daily"}


def test_a_refused_schedule_leaves_no_event(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine)
    daily = ScheduleDefinition(name="daily", runbook=Path("/x.yaml"), runbook_name="x", timing=Cron("0 2 * * *", "UTC"))
    store.add(daily)
    with pytest.raises(WaivernError):
        store.add(daily)
    assert kinds(engine) == ["schedule.added"]
