"""What the artifact store writes into the rows of its own run, and into none of another."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern.database.connection.engine import writing
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.artifact_view import intern_overviews, run_number_of
from waivern.database.schema.tables import artifacts, gc_candidates
from waivern.runs.run import ArtifactChange, ArtifactStatus, RunStatus, utc_now
from waivern.runs.run_store import RunHandle
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"c": [], "b": [], "a": []})


@pytest.fixture
def handles(engine: sa.Engine) -> Iterator[tuple[RunHandle, RunHandle]]:
    store = SqlRunStore(engine)
    first, second = (store.create(PLAN, trigger="test", caller=CALLER) for _ in range(2))
    yield first, second
    first.log.close(RunStatus.FAILED)
    second.log.close(RunStatus.FAILED)


def row_of(engine: sa.Engine, run: RunHandle, artifact_id: str) -> dict[str, Any]:
    is_row = (artifacts.c.run_number == run_number_of(run.run_id), artifacts.c.artifact_id == artifact_id)
    with engine.connect() as connection:
        return dict(connection.execute(sa.select(artifacts).where(*is_row)).one()._mapping)


def change(engine: sa.Engine, run: RunHandle, artifact_id: str, **values: Any) -> None:
    is_row = (artifacts.c.run_number == run_number_of(run.run_id), artifacts.c.artifact_id == artifact_id)
    with writing(engine) as connection:
        connection.execute(sa.update(artifacts).where(*is_row), values)


def candidates(engine: sa.Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(sa.select(gc_candidates.c.digest)))


def test_artifacts_are_numbered_and_listed_in_the_order_of_their_first_save_within_the_run(
    engine: sa.Engine, handles: tuple[RunHandle, RunHandle]
) -> None:
    first, second = handles
    for run, names in ((first, "bcab"), (second, "ab")):
        for at, name in enumerate(names):
            run.store.save(name, message_of(text=f"{name} {at}"))
    assert (first.store.list_artifacts(), second.store.list_artifacts()) == (["b", "c", "a"], ["a", "b"])
    orders = [(name, row_of(engine, run, name)["save_order"]) for run in handles for name in "abc"]
    assert orders == [("a", 3), ("b", 1), ("c", 2), ("a", 1), ("b", 2), ("c", None)]


def test_an_artifact_exists_in_its_run_once_it_has_succeeded(
    engine: sa.Engine, handles: tuple[RunHandle, RunHandle]
) -> None:
    first, second = handles
    first.store.save("a", message_of(text="x"))
    assert [first.store.exists(name) for name in ("a", "b", "unknown")] == [True, False, False]
    assert not second.store.exists("a")
    assert second.store.list_artifacts() == []


def test_an_artifact_that_is_in_no_plan_is_declared_in_each_run_that_saves_it(
    engine: sa.Engine, handles: tuple[RunHandle, RunHandle]
) -> None:
    for run in handles:
        run.store.save("unplanned", message_of(text=run.run_id))
    assert [run.store.list_artifacts() for run in handles] == [["unplanned"]] * 2
    assert [row_of(engine, run, "unplanned")["save_order"] for run in handles] == [1, 1]


def test_a_success_removes_the_failure_and_the_pruning_of_before(
    engine: sa.Engine, handles: tuple[RunHandle, RunHandle]
) -> None:
    first, second = handles
    failure = {"skip_reason": "timeout", "skipped_because": "b", "error": "it failed"}
    pruned = {"pruned_at": utc_now(), "pruned_because": "test"}
    for run in handles:
        change(engine, run, "a", **failure, **pruned)
    first.store.save("a", message_of(text="x"))
    removed = row_of(engine, first, "a")
    assert removed["status"] == "succeeded"
    assert {removed[name] for name in (*failure, *pruned)} == {None}
    kept = row_of(engine, second, "a")
    assert {name: kept[name] for name in failure} == failure
    assert kept["pruned_because"] == "test"


def test_only_a_different_content_makes_the_one_before_garbage(
    engine: sa.Engine, handles: tuple[RunHandle, RunHandle]
) -> None:
    first, _ = handles
    first.store.save("a", message_of(text="x"))
    first.store.save("b", message_of(text="y"))
    first.store.save("a", message_of(text="x"))
    assert candidates(engine) == set()
    before = row_of(engine, first, "a")["digest"]
    first.store.save("a", message_of(text="z"))
    assert candidates(engine) == {before}
    change(engine, first, "b", pruned_at=utc_now(), pruned_because="test")
    first.store.save("b", message_of(text="z"))
    assert candidates(engine) == {before}  # a pruned content was a candidate when it was pruned


def test_clearing_resets_the_succeeded_artifacts_of_the_run_only(
    engine: sa.Engine, handles: tuple[RunHandle, RunHandle]
) -> None:
    first, second = handles
    for run in handles:
        run.log.record(ArtifactChange("c", ArtifactStatus.FAILED, utc_now(), error="no"))
        run.store.save("b", message_of(text=f"pruned {run.run_id}"))
        run.store.save("a", message_of(text=run.run_id))
    digest = row_of(engine, first, "a")["digest"]
    with writing(engine) as connection:
        (overview_id,) = intern_overviews(connection, [{"scanned": 1}])
    for run in handles:
        change(engine, run, "b", pruned_at=utc_now(), pruned_because="test")
        change(engine, run, "a", snapshot_seq=7, overview_id=overview_id)
    kept = [row_of(engine, second, name) for name in "abc"]
    first.store.clear()
    assert first.store.list_artifacts() == []
    assert [row_of(engine, second, name) for name in "abc"] == kept
    columns = ("digest", "overview_id", "save_order", "snapshot_seq", "pruned_at", "pruned_because")
    for name in "ab":
        row = row_of(engine, first, name)
        assert (row["status"], {row[column] for column in columns}) == ("pending", {None})
    failed = row_of(engine, first, "c")
    assert (failed["status"], failed["error"]) == ("failed", "no")
    assert candidates(engine) == {digest}
