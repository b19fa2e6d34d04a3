"""What every database writes into the chain of events: how runs begin and end, and what becomes of schedules."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from waivern import Message, WaivernError
from waivern.database.events.event_log import SqlEventLog
from waivern.database.events.run_merkle import RunProof
from waivern.database.runs.run_queue import SqlRunQueue
from waivern.database.runs.run_register import SqlRunRegister
from waivern.database.schedules.schedule_store import SqlScheduleStore
from waivern.database.schema.tables import artifacts, runs
from waivern.history.event_log import Event
from waivern.runs.run import RunStatus
from waivern.runs.run_log import OpenRun
from waivern.runs.run_queue import NewRun
from waivern.schedules.schedule import ScheduleDefinition
from waivern.schedules.timing import Cron, Every
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"source": [], "found": ["source"]})
ANN, CLOCK = "ann@desk", "waivern serve@host"


def told(engine: sa.Engine) -> Sequence[Event]:
    return list(SqlEventLog(engine).read(after=1))


def kinds(engine: sa.Engine) -> list[str]:
    return [event.kind for event in told(engine)]


def begun(engine: sa.Engine, *, actor: str = ANN) -> OpenRun:
    return SqlRunRegister(engine, actor=actor).begin(PLAN, trigger="manual")


def finished(run: OpenRun, status: RunStatus = RunStatus.SUCCEEDED) -> str:
    run.store.save("source", message_of(found=1))
    if status is RunStatus.SUCCEEDED:
        run.store.save("found", message_of(found=2))
    run.log.close(status)
    return run.run_id


def root_of(engine: sa.Engine, run_id: str) -> str:
    with engine.connect() as connection:
        return RunProof.of(connection, run_id).root


def test_a_run_is_told_when_it_is_opened_and_when_it_is_closed(engine: sa.Engine) -> None:
    run_id = finished(begun(engine))
    opened, closed = told(engine)
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


def test_the_newest_event_of_a_run_is_found_from_its_row(engine: sa.Engine) -> None:
    run_id = finished(begun(engine))
    with engine.connect() as connection:
        seq = connection.scalar(sa.select(runs.c.event_seq).where(runs.c.id == run_id))
    assert seq == told(engine)[-1].seq


def test_what_a_run_made_decides_its_root(engine: sa.Engine) -> None:
    run_id = finished(begun(engine))
    before = root_of(engine, run_id)
    with engine.begin() as connection:
        connection.execute(sa.update(artifacts).where(artifacts.c.artifact_id == "found").values(message_id="other"))
    assert root_of(engine, run_id) != before


def test_a_run_that_is_taken_up_is_closed_again_over_all_that_it_made(engine: sa.Engine) -> None:
    run_id = finished(begun(engine), RunStatus.FAILED)
    finished(SqlRunRegister(engine, actor="ben@desk").take_up(run_id, PLAN))
    first, resumed, second = told(engine)[1:]
    assert [first.body["status"], resumed.kind, second.body["status"]] == ["failed", "run.resumed", "succeeded"]
    assert (resumed.actor, second.actor, resumed.body) == ("ben@desk", "ben@desk", {"run": run_id, "epoch": 2})
    assert second.body["root"] == root_of(engine, run_id) != first.body["root"]


def test_a_run_that_may_not_be_taken_up_tells_nothing(engine: sa.Engine) -> None:
    run_id = finished(begun(engine))
    with pytest.raises(WaivernError):
        SqlRunRegister(engine).take_up(run_id, PLAN)
    assert kinds(engine) == ["run.opened", "run.closed"]


def queued(engine: sa.Engine, *, attempts: int = 1) -> str:
    run = NewRun(runbook=Path("/x.yaml"), runbook_name="built", trigger="manual", max_attempts=attempts)
    return SqlRunQueue(engine).add(run)


def test_a_cancelled_run_is_told_with_who_cancelled_it(engine: sa.Engine) -> None:
    run_id = queued(engine)
    SqlRunQueue(engine, actor=ANN).cancel(run_id)
    (closed,) = told(engine)
    assert (closed.actor, closed.body["run"], closed.body["status"]) == (ANN, run_id, "cancelled")
    assert closed.body["root"] == root_of(engine, run_id)


def test_a_run_whose_worker_died_is_closed_by_who_noticed(engine: sa.Engine) -> None:
    queued(engine)
    queue = SqlRunQueue(engine, actor=CLOCK)
    claimed = queue.claim()
    assert claimed is not None
    run = SqlRunRegister(engine, actor="waivern worker@host").start(claimed, PLAN)
    assert queue.lose(claimed.run_id, claimed.epoch, error="gone") is not None
    opened, closed = told(engine)
    assert (opened.actor, closed.actor, closed.body["status"]) == ("waivern worker@host", CLOCK, "interrupted")
    assert closed.body["root"] == root_of(engine, claimed.run_id)
    with pytest.raises(WaivernError):
        run.log.close(RunStatus.SUCCEEDED)
    assert kinds(engine) == ["run.opened", "run.closed"]


def test_a_run_that_is_queued_again_goes_on_in_its_next_attempt(engine: sa.Engine) -> None:
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
    assert told(engine)[-1].body["root"] == root_of(engine, run_id)


def test_a_message_that_is_refused_leaves_no_event(engine: sa.Engine) -> None:
    run = begun(engine)
    with pytest.raises(WaivernError):
        run.store.save("source", Message("", {"a": object()}, message_of().schema))
    run.log.close(RunStatus.FAILED)
    assert kinds(engine) == ["run.opened", "run.closed"]


def test_every_decision_about_a_schedule_is_told(engine: sa.Engine) -> None:
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
    added, changed, paused, resumed, removed = told(engine)
    assert [event.kind.removeprefix("schedule.") for event in told(engine)] == [
        *("added", "changed", "paused", "resumed", "removed")
    ]
    assert {event.actor for event in told(engine)} == {ANN}
    assert {event.body["schedule"] for event in told(engine)} == {schedule.id}
    assert added.body["terms"]["expression"] == "0 2 * * *"
    assert (changed.body["from"]["kind"], changed.body["to"]["kind"]) == ("cron", "every")
    assert paused.body == {"schedule": schedule.id, "name": "daily", "because": "holidays"}
    assert resumed.body == removed.body == {"schedule": schedule.id, "name": "daily"}


def test_a_schedule_that_is_refused_tells_nothing(engine: sa.Engine) -> None:
    store = SqlScheduleStore(engine)
    daily = ScheduleDefinition(name="daily", runbook=Path("/x.yaml"), runbook_name="x", timing=Cron("0 2 * * *", "UTC"))
    store.add(daily)
    with pytest.raises(WaivernError):
        store.add(daily)
    assert kinds(engine) == ["schedule.added"]
