"""Each condition and each order of the queue's queries, with rows that differ in just that."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern.database.connection.engine import writing
from waivern.database.runs import run_queue
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, run_attempts, runs, schedules
from waivern.runs.run import ArtifactChange, ArtifactStatus, RunStatus
from waivern.runs.run_store import ClaimedRun, NewRun
from waivern.testing.builders import message_of, plan_of_dag

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUNNING = {"status": "running", "lease_until": NOW}
Row = dict[str, Any]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def schedule_row(name: str) -> Row:
    times = dict.fromkeys(("evaluated_until", "created_at", "changed_at"), NOW)
    numbers = dict.fromkeys(("max_catch_up", "jitter_s", "priority", "max_attempts"), 1)
    texts = dict.fromkeys(("runbook_path", "runbook_name", "kind", "expression", "catch_up", "overlap"), "x")
    return {"id": name, "name": f"schedule {name}", "status": "active", **times, **numbers, **texts}


def insert(engine: sa.Engine, rows: dict[str, Row]) -> None:
    """Have only these runs by id, which are queued unless the row says otherwise, and the schedules "s" and "t"."""
    queued = run_queue.queued_row(NewRun(Path("/scan.yaml"), "Scan", "trigger"), now=NOW)
    with writing(engine) as connection:
        connection.execute(sa.delete(runs))
        connection.execute(sa.delete(schedules))
        connection.execute(sa.insert(schedules), [schedule_row("s"), schedule_row("t")])
        for run_id, row in rows.items():
            connection.execute(sa.insert(runs), {**queued, "id": run_id, **row})


def claimed_in_order(engine: sa.Engine, *, then: Row) -> list[str]:
    """Claim all runs that may be claimed at `NOW`; each has the values `then` afterwards."""
    claimed: list[str] = []
    with writing(engine) as connection:
        while (run := run_queue.next_claimable(connection, NOW)) is not None and run.id not in claimed:
            assert connection.execute(run_queue._ANY_CLAIMABLE, {"now": NOW}).first() is not None
            claimed.append(run.id)
            connection.execute(sa.update(runs).where(runs.c.id == run.id), then)
        assert connection.execute(run_queue._ANY_CLAIMABLE, {"now": NOW}).first() is None
    return claimed


def exclusive(schedule: str = "s", **columns: Any) -> Row:
    return {"schedule_id": schedule, "exclusive": True, **columns}


SCENARIOS: dict[str, tuple[dict[str, Row], list[str]]] = {
    "queued": ({"a": {}}, ["a"]),
    "not queued": ({"a": RUNNING, "b": {"status": "succeeded"}, "c": {"status": "interrupted"}}, []),
    "available": (
        {"a": {"available_at": at(-1)}, "b": {"available_at": NOW}, "c": {"available_at": at(1)}},
        ["a", "b"],
    ),
    "earliest due first": ({"a": exclusive(due_at=at(1), created_at=at(-9)), "b": exclusive(due_at=at(0))}, ["b"]),
    "one of each schedule": ({"a": exclusive(), "b": exclusive(), "c": exclusive("t")}, ["a", "c"]),
    "overlap allowed": ({"a": exclusive(exclusive=False), "b": exclusive(exclusive=False)}, ["a", "b"]),
    "an ended run is not the first": (
        {"a": exclusive(status="succeeded", due_at=at(-9)), "b": exclusive(due_at=at(1))},
        ["b"],
    ),
    "the first is not available": ({"a": exclusive(available_at=at(1)), "b": exclusive(due_at=at(1))}, []),
    "of two due at once the first by id": ({"b": exclusive(), "a": exclusive(available_at=at(1))}, []),
    "a run without schedule is running": ({"a": RUNNING, "b": exclusive()}, ["b"]),
    "another of the schedule is running": ({"a": exclusive(**RUNNING), "b": exclusive(), "c": exclusive("t")}, ["c"]),
    "overlap with a running one": ({"a": exclusive(**RUNNING), "b": exclusive(exclusive=False)}, ["b"]),
}


def test_only_these_runs_are_claimed_while_each_claimed_one_is_running(engine: sa.Engine) -> None:
    found = {}
    for name, (rows, _) in SCENARIOS.items():
        insert(engine, rows)
        found[name] = claimed_in_order(engine, then=RUNNING)
    assert found == {name: claimed for name, (_, claimed) in SCENARIOS.items()}


def in_order(**columns: Any) -> dict[str, Row]:
    return {
        "k": {**columns, "created_at": at(0), "priority": 2},
        "j": {**columns, "created_at": at(-601)},
        "i": {**columns, "created_at": at(0), "priority": 1},
        "h": {**columns, "created_at": at(-599)},
        "g": {**columns, "created_at": at(-1), "due_at": at(-8)},
        "f": {**columns, "created_at": at(-1 + 0.5), "due_at": at(-9)},
        "e": {**columns, "created_at": at(0), "due_at": at(-3)},
        "c": {**columns, "created_at": at(0), "due_at": at(-2)},
        "b": {**columns, "created_at": at(0)},
        "d": {**columns, "created_at": at(0)},
        "a": {**columns, "created_at": at(1), "due_at": at(-99)},
    }


def test_runs_are_claimed_in_the_order_of_waiting_then_of_their_times_then_of_their_ids(engine: sa.Engine) -> None:
    insert(engine, dict(reversed(in_order(schedule_id="s").items())))
    with engine.connect() as connection:
        assert run_queue.queued_runs_of(connection, "s") == list(in_order())
    assert claimed_in_order(engine, then={"status": "succeeded"}) == list(in_order())


def test_only_the_queued_runs_of_a_schedule_are_its_queued_runs(engine: sa.Engine) -> None:
    of_s = {"schedule_id": "s"}
    insert(
        engine,
        {"a": of_s, "b": {"schedule_id": "t"}, "c": {}, "d": {**of_s, **RUNNING}, "e": {**of_s, "status": "failed"}},
    )
    with engine.connect() as connection:
        assert run_queue.queued_runs_of(connection, "s") == ["a"]


def test_the_busy_schedules_are_those_of_runs_that_meet_the_condition(engine: sa.Engine) -> None:
    insert(engine, {"a": {"schedule_id": "s"}, "b": {"schedule_id": "t", **RUNNING}, "c": RUNNING})
    with engine.connect() as connection:
        assert run_queue.busy_schedules(connection, run_queue.IS_RUNNING) == {"t"}
        assert run_queue.busy_schedules(connection, run_queue.IS_UNFINISHED) == {"s", "t"}
    with writing(engine) as connection:
        alone = {
            (schedule, is_exclusive): run_queue._is_alone(
                connection, SimpleNamespace(schedule_id=schedule, exclusive=is_exclusive)
            )
            for schedule in "st"
            for is_exclusive in (True, False)
        }
    assert alone == {("s", True): True, ("s", False): True, ("t", True): False, ("t", False): True}


def test_a_claimed_run_holds_the_columns_of_its_row_and_the_name_of_its_schedule(engine: sa.Engine) -> None:
    changed = {"epoch": 4, "attempts": 2, "max_attempts": 7, "due_at": at(3), "working_directory": "/data"}
    insert(engine, {"a": {"schedule_id": "s", **changed}, "b": {}})
    expected = ClaimedRun("a", 5, 3, 7, Path("/scan.yaml"), "Scan", "trigger", NOW, Path("/data"), "schedule s", at(3))
    other = ClaimedRun("b", 1, 1, 3, Path("/scan.yaml"), "Scan", "trigger", NOW)
    with writing(engine) as connection:
        for claimed in (other, expected):
            assert run_queue.claimed_run(run_queue.next_claimable(connection, NOW)) == claimed
            connection.execute(sa.update(runs).where(runs.c.id == claimed.run_id), {"status": "failed"})


def test_the_row_of_a_queued_run_has_its_terms() -> None:
    terms: Row = {"working_directory": Path("/data"), "priority": 3, "max_attempts": 5, "available_at": at(9)}
    row = run_queue.queued_row(NewRun(Path("/scan.yaml"), "Scan", "backfill", **terms), now=NOW, schedule_id="s")
    assert len(row.pop("id")) == 36
    assert row == {
        "runbook_name": "Scan",
        "trigger": "backfill",
        "status": "queued",
        "epoch": 0,
        "created_at": NOW,
        "runbook_path": "/scan.yaml",
        "working_directory": "/data",
        "priority": 3,
        "available_at": at(9),
        "exclusive": False,
        "attempts": 0,
        "max_attempts": 5,
        "schedule_id": "s",
    }
    assert run_queue.queued_row(NewRun(Path("/scan.yaml"), "Scan", "trigger"), now=NOW)["working_directory"] is None


def test_only_the_released_attempts_at_a_run_count_as_releases(engine: sa.Engine) -> None:
    insert(engine, {"a": {}, "b": {}})
    outcomes = [
        ("a", 1, "released"),
        ("a", 2, "interrupted"),
        ("a", 3, "released"),
        ("a", 4, None),
        ("b", 1, "released"),
    ]
    with writing(engine) as connection:
        for run_id, epoch, outcome in outcomes:
            attempt = {"run_id": run_id, "epoch": epoch, "worker_id": "x", "started_at": NOW, "outcome": outcome}
            connection.execute(sa.insert(run_attempts), attempt)
        assert [run_queue.count_releases(connection, run_id) for run_id in ("a", "b", "c")] == [2, 1, 0]


def test_a_fence_raises_the_epoch_of_a_running_run_under_exactly_that_epoch(engine: sa.Engine) -> None:
    insert(engine, {"a": RUNNING, "b": RUNNING, "queued": {}, "ended": {"status": "failed"}})

    def epochs_after(run_id: str, epoch: int, *conditions: Any) -> dict[str, int]:
        with writing(engine) as connection:
            connection.execute(sa.update(runs).values(epoch=3))
            is_fenced = run_queue.fence_off(connection, run_id, epoch, *conditions)
            epochs = {row.id: row.epoch for row in connection.execute(sa.select(runs.c.id, runs.c.epoch))}
        assert is_fenced is (epochs != dict.fromkeys(epochs, 3))
        return {name: after for name, after in epochs.items() if after != 3}

    assert epochs_after("a", 3) == {"a": 4}
    assert epochs_after("a", 3, runs.c.lease_until == NOW) == {"a": 4}
    assert epochs_after("a", 3, runs.c.lease_until != NOW) == {}
    assert epochs_after("a", 2) == epochs_after("a", 4) == {}
    assert epochs_after("queued", 3) == epochs_after("ended", 3) == epochs_after("unknown", 3) == {}


def test_a_run_that_is_queued_again_has_no_owner_and_its_running_artifacts_are_pending(engine: sa.Engine) -> None:
    store = SqlRunStore(engine)
    plan = plan_of_dag({"done": [], "runs": [], "new": []}, timeout=60)
    handles = [store.create(plan, trigger="test", caller=CALLER) for _ in range(2)]
    for handle in handles:
        handle.log.record(ArtifactChange("runs", ArtifactStatus.RUNNING, NOW))
        handle.store.save("done", message_of(made=1))
    first, second = (handle.run_id for handle in handles)
    with writing(engine) as connection:
        connection.execute(sa.update(runs), {"available_at": NOW, "error": "old"})
        run_queue.requeue(connection, first, attempts=4)
    with engine.connect() as connection:
        row = connection.execute(sa.select(runs).where(runs.c.id == first)).one()
        states = {
            run_id: dict(
                connection.execute(
                    sa.select(artifacts.c.artifact_id, artifacts.c.status).where(
                        artifacts.c.run_number == run_number_of(run_id)
                    )
                ).all()
            )
            for run_id in (first, second)
        }
        started = connection.scalars(sa.select(artifacts.c.started_at).where(artifacts.c.artifact_id == "runs")).all()
        others = connection.execute(sa.select(runs).where(runs.c.id == second)).one()
    assert (row.status, row.attempts, row.epoch) == ("queued", 4, 1)
    assert (row.worker_id, row.lease_until, row.deadline, row.available_at) == (None, None, None, None)
    assert (others.status, others.deadline is None, others.available_at) == ("running", False, NOW)
    assert states == {
        first: {"done": "succeeded", "runs": "pending", "new": "pending"},
        second: {"done": "succeeded", "runs": "running", "new": "pending"},
    }
    assert sorted(started, key=str) == [NOW, None]
    handles[1].log.close(RunStatus.FAILED)
