"""What every database does with runs: they begin, are written down, change hands, and are remembered."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.builders.split_contents import in_pieces
from tests.builders.thoroughness import examples
from waivern import (
    ArtifactNotFoundError,
    CorruptArtifactError,
    DAGExecutor,
    DatabaseUnavailableError,
    Message,
    RunError,
    RunTakenOverError,
    Schema,
)
from waivern.artifacts.store import PastArtifacts
from waivern.components.container import ExistingService, ServiceDescriptor
from waivern.database.blobs.blob import Blob
from waivern.database.connection.engine import writing
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import artifacts, blobs, runs
from waivern.history.run_records import RunFilter
from waivern.messages.canonical import canonical_bytes
from waivern.messages.canonical_form import CanonicalForm
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import ArtifactChange, ArtifactStatus, RunStatus, SkipReason, utc_now
from waivern.runs.run_store import RunHandle
from waivern.testing.builders import message_of, plan_of, plan_of_dag, registry_of

Make = Callable[[str], Any]


def execute(run: RunHandle, plan: ExecutionPlan, make: Make, *, past: PastArtifacts | None = None) -> None:
    """Execute the plan in the name of the run; content is {"made": make(name)}."""

    def content(properties: Mapping[str, Any], *_inputs: Any) -> dict[str, Any]:
        return {"made": make(properties["name"])}

    registry = registry_of(run.store, connectors={"make": content}, analysers={"make": content})
    if past is not None:
        registry.container.register(ServiceDescriptor(PastArtifacts, ExistingService(past)))
    asyncio.run(DAGExecutor(registry).execute(plan, run_log=run.log))


def run_of(engine: sa.Engine, dag: dict[str, list[str]], make: Make = str, **config: Any) -> str:
    """Begin and execute a run; return its id."""
    plan = plan_of_dag(dag, **config)
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    execute(run, plan, make)
    return run.run_id


def abandon(run: RunHandle, engine: sa.Engine, *, owner: str) -> None:
    """Leave a run as a process leaves it that was killed: still running, and its owner gone."""
    run.log._writer.close(lambda _connection: None)  # type: ignore[attr-defined]  # no more heartbeats, and no end
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run.run_id).values(worker_id=owner))


def dead_process_of_this_host() -> str:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    return str(replace(ProcessIdentity.this_process(), pid=int(ended.stdout)))


def failing(*names: str) -> Make:
    def make(name: str) -> str:
        if name in names:
            raise RuntimeError("on purpose")
        return name

    return make


def test_a_run_is_recorded_with_every_artifact_and_its_reason(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": [], "b": ["a"], "c": ["b"], "d": []}, failing("b"))
    history = SqlHistory(engine)
    run = history.find(run_id)
    assert (run.status, run.runbook, run.trigger) == (RunStatus.FAILED, "by hand", "test")
    assert (run.artifacts.total, run.artifacts.succeeded, run.artifacts.failed, run.artifacts.skipped) == (4, 2, 1, 1)
    assert run.duration_seconds is not None
    a, b, c, _d = history.artifacts_of(run_id)
    assert (a.status, a.kind, a.component, a.schema) == (ArtifactStatus.SUCCEEDED, "source", "make", "any/1.0.0")
    assert (b.status, b.error, b.inputs) == (ArtifactStatus.FAILED, "RuntimeError: on purpose", ("a",))
    assert (c.status, c.skip_reason, c.skipped_because) == (
        ArtifactStatus.SKIPPED,
        SkipReason.DEPENDENCY_FAILED,
        "b",
    )
    assert a.started_at is not None
    assert a.duration_seconds is not None
    assert history.message_of(run_id, "a").content == {"made": "a"}


@pytest.mark.parametrize("is_written_before", [False, True])
def test_the_start_of_an_artifact_is_recorded_even_if_it_is_saved_at_once(
    engine: sa.Engine, is_written_before: bool
) -> None:
    run = SqlRunStore(engine).create(plan_of_dag({"a": [], "b": []}), trigger="test", caller=CALLER)
    began = utc_now() - timedelta(minutes=1)
    run.log.record(ArtifactChange("a", ArtifactStatus.RUNNING, began))
    if is_written_before:
        run.store.save("b", message_of())
        assert SqlHistory(engine).artifacts_of(run.run_id)[0].status is ArtifactStatus.RUNNING
    run.store.save("a", message_of())
    run.log.close(RunStatus.SUCCEEDED)
    assert SqlHistory(engine).artifacts_of(run.run_id)[0].started_at == began


def test_a_message_with_an_unplanned_schema_is_recorded_with_its_own(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan_of_dag({"a": [], "b": ["a"]}), trigger="test", caller=CALLER)
    for version in ("2.0.0", "3.0.0"):
        run.store.save("b", Message("", {"is": version}, Schema("other", version)))
    run.store.save("a", message_of())
    a, b = SqlHistory(engine).artifacts_of(run.run_id)
    assert (a.schema, b.schema, b.inputs) == ("any/1.0.0", "other/3.0.0", ("a",))
    run.store.save("b", message_of(is_again="as planned"))
    assert SqlHistory(engine).artifacts_of(run.run_id)[1].schema == "any/1.0.0"
    run.log.close(RunStatus.SUCCEEDED)


def test_a_timeout_is_recorded_as_the_skip_reason(engine: sa.Engine) -> None:
    def make(name: str) -> None:
        if name == "slow":
            time.sleep(1)

    run_id = run_of(engine, {"quick": [], "slow": [], "after": ["slow"]}, make, timeout=0.3)
    history = SqlHistory(engine)
    assert history.find(run_id).status is RunStatus.TIMED_OUT
    output = {
        artifact.artifact_id: (artifact.status, artifact.skip_reason) for artifact in history.artifacts_of(run_id)
    }
    assert output == {
        "quick": (ArtifactStatus.SUCCEEDED, None),
        "slow": (ArtifactStatus.SKIPPED, SkipReason.TIMEOUT),
        "after": (ArtifactStatus.SKIPPED, SkipReason.TIMEOUT),
    }


def test_the_same_content_of_several_runs_is_stored_once(engine: sa.Engine) -> None:
    for _ in range(3):
        run_of(engine, {"a": [], "b": []}, lambda _name: "the same")
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(blobs)).scalar_one() == 1


def test_a_large_message_is_compressed_and_can_be_read(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": []}, lambda _name: "long " * 100_000)
    with engine.connect() as connection:
        stored = connection.execute(sa.select(blobs.c.codec, blobs.c.size, blobs.c.stored_size)).one()
    assert stored.codec == "zstd"
    assert stored.stored_size < stored.size / 100
    assert SqlHistory(engine).message_of(run_id, "a").content == {"made": "long " * 100_000}


@pytest.mark.parametrize("size", [10, 5000])
def test_a_changed_byte_is_detected_when_the_message_is_read(engine: sa.Engine, size: int) -> None:
    run_id = run_of(engine, {"a": []}, lambda _name: "x1y2" * size)
    with writing(engine) as connection:
        data = bytearray(connection.execute(sa.select(blobs.c.data)).scalar_one())
        data[len(data) // 2] ^= 1
        connection.execute(sa.update(blobs).values(data=bytes(data)))
    with pytest.raises(CorruptArtifactError, match="not what was saved"):
        SqlHistory(engine).message_of(run_id, "a")


def test_an_owner_with_an_outdated_epoch_changes_nothing(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": [], "b": []})
    late = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    late.store.save("a", message_of(by="late"))
    with writing(engine) as connection:
        connection.execute(sa.update(runs).values(lease_until=utc_now() - timedelta(hours=1)))
    new = SqlRunStore(engine).resume(late.run_id, plan, caller=CALLER)
    assert new.epoch == late.epoch + 1
    with pytest.raises(RunTakenOverError):
        late.store.save("b", message_of(by="late"))
    with pytest.raises(RunTakenOverError):
        late.store.clear()
    with pytest.raises(RunTakenOverError):
        late.log.record(ArtifactChange("b", ArtifactStatus.FAILED, utc_now(), error="late"))
    with pytest.raises(RunTakenOverError):
        late.log.close(RunStatus.FAILED)
    assert new.store.list_artifacts() == ["a"]
    new.store.save("b", message_of(by="new"))
    assert new.store.get("b").content == {"by": "new"}
    new.log.close(RunStatus.SUCCEEDED)
    assert SqlHistory(engine).find(new.run_id).status is RunStatus.SUCCEEDED


def test_nothing_is_recorded_after_a_run_was_closed(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": []})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    second_writer = SqlRunStore(engine)._handle(run.run_id, 1, run.epoch, frozenset(), CALLER)
    run.log.close(RunStatus.TIMED_OUT)
    with pytest.raises(RunTakenOverError):
        second_writer.store.save("a", message_of())
    with pytest.raises(RunTakenOverError):
        second_writer.log.close(RunStatus.SUCCEEDED)
    (artifact,) = SqlHistory(engine).artifacts_of(run.run_id)
    assert (artifact.status, artifact.skip_reason) == (ArtifactStatus.SKIPPED, SkipReason.TIMEOUT)


def test_a_resumed_run_executes_only_what_had_not_succeeded(engine: sa.Engine) -> None:
    dag = {"a": [], "b": ["a"], "c": ["b"], "d": []}
    run_id = run_of(engine, dag, failing("b"))
    made: list[str] = []
    plan = plan_of_dag(dag)
    run = SqlRunStore(engine).resume(run_id, plan, caller=CALLER)
    execute(run, plan, made.append)
    assert sorted(made) == ["b", "c"]
    found = SqlHistory(engine).find(run_id)
    assert (found.id, found.status, found.epoch) == (run_id, RunStatus.SUCCEEDED, 2)
    assert {artifact.artifact_id: artifact.epoch for artifact in SqlHistory(engine).artifacts_of(run_id)} == {
        "a": 1,
        "b": 2,
        "c": 2,
        "d": 1,
    }


def test_a_run_whose_process_died_on_this_host_is_resumed_at_once(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": []})
    run = SqlRunStore(engine, lease_s=3600).create(plan, trigger="test", caller=CALLER)
    abandon(run, engine, owner=dead_process_of_this_host())
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.INTERRUPTED
    again = SqlRunStore(engine).resume(run.run_id, plan, caller=CALLER)
    execute(again, plan, str)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.SUCCEEDED


def test_a_run_of_another_host_is_resumed_after_its_lease_and_not_before(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": []})
    run = SqlRunStore(engine, lease_s=3600).create(plan, trigger="test", caller=CALLER)
    abandon(run, engine, owner="elsewhere|boot/1|7")
    with pytest.raises(RunError, match="still running, in process 7 on elsewhere"):
        SqlRunStore(engine).resume(run.run_id, plan, caller=CALLER)
    with writing(engine) as connection:
        connection.execute(sa.update(runs).values(lease_until=utc_now() - timedelta(seconds=1)))
    again = SqlRunStore(engine).resume(run.run_id, plan, caller=CALLER)
    again.log.close(RunStatus.CANCELLED)


def test_a_run_with_a_live_owner_cannot_be_resumed(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": []})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    with pytest.raises(RunError, match=f"still running, in process {os.getpid()}"):
        SqlRunStore(engine).resume(run.run_id, plan, caller=CALLER)
    run.log.close(RunStatus.CANCELLED)


def test_a_succeeded_run_cannot_be_resumed(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": []})
    with pytest.raises(RunError, match="has succeeded"):
        SqlRunStore(engine).resume(run_id, plan_of_dag({"a": []}), caller=CALLER)


def test_a_run_cannot_be_resumed_with_a_changed_runbook(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": []}, failing("a"))
    with pytest.raises(RunError, match="another version of the runbook"):
        SqlRunStore(engine).resume(run_id, plan_of_dag({"a": [], "b": []}), caller=CALLER)


def test_a_lease_is_renewed_while_nothing_is_written(engine: sa.Engine) -> None:
    run = SqlRunStore(engine, lease_s=0.6).create(plan_of_dag({"a": []}), trigger="test", caller=CALLER)

    def lease() -> Any:
        with engine.connect() as connection:
            return connection.execute(sa.select(runs.c.lease_until)).scalar_one()

    first = lease()
    give_up = time.monotonic() + 10
    while lease() == first and time.monotonic() < give_up:
        time.sleep(0.05)
    assert lease() > first
    run.log.close(RunStatus.SUCCEEDED)


def test_history_is_newest_first_and_can_be_filtered(engine: sa.Engine) -> None:
    ids = [run_of(engine, {"a": []}, failing("a") if number % 2 else str) for number in range(5)]
    history = SqlHistory(engine)
    assert [run.id for run in history.recent(RunFilter(), limit=3)] == ids[:1:-1]
    assert [run.id for run in history.recent(RunFilter(status=RunStatus.FAILED), limit=9)] == [ids[3], ids[1]]
    assert not history.recent(RunFilter(runbook="another"), limit=9)
    middle = history.find(ids[2]).created_at
    assert [run.id for run in history.recent(RunFilter(since=middle), limit=9)] == ids[:1:-1]
    assert [run.id for run in history.recent(RunFilter(until=middle), limit=9)] == ids[1::-1]


def test_interrupted_runs_are_found_among_the_running_ones(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": []})
    alive = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    dead = [SqlRunStore(engine).create(plan, trigger="test", caller=CALLER) for _ in range(2)]
    for run in dead:
        abandon(run, engine, owner=dead_process_of_this_host())
    history = SqlHistory(engine)
    interrupted = history.recent(RunFilter(status=RunStatus.INTERRUPTED), limit=9)
    assert [run.id for run in interrupted] == [run.run_id for run in reversed(dead)]
    assert [run.id for run in history.recent(RunFilter(status=RunStatus.RUNNING), limit=9)] == [alive.run_id]
    alive.log.close(RunStatus.CANCELLED)


def test_a_run_is_found_by_an_unambiguous_prefix_and_as_the_latest(engine: sa.Engine) -> None:
    history = SqlHistory(engine)
    with pytest.raises(RunError, match="There are no runs yet"):
        history.find("latest")
    first, second = run_of(engine, {"a": []}), run_of(engine, {"a": []})
    assert history.find("latest").id == second
    different = next(index for index in range(36) if first[index] != second[index])
    assert history.find(first[: different + 1]).id == first
    with pytest.raises(RunError, match=f"{second}, {first}"):
        history.find(first[:different])
    with pytest.raises(RunError, match="There is no run 'zz%'"):
        history.find("zz%")


def test_a_missing_artifact_is_an_error_that_names_the_existing_ones(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"customers": []})
    with pytest.raises(ArtifactNotFoundError, match="Did you mean 'customers'"):
        SqlHistory(engine).message_of(run_id, "costumers")


def test_reusing_an_artifact_stores_no_new_content(engine: sa.Engine) -> None:
    earlier = run_of(engine, {"customers": []}, lambda _name: "x" * 5000)
    history = SqlHistory(engine)
    found = history.find_artifact(from_run="latest", artifact_id="customers", runbook="by hand")
    assert found.run_id == earlier
    plan = plan_of({"again": {"reuse": {"from_run": earlier, "artifact": "customers"}}})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    execute(run, plan, str, past=history)
    assert history.message_of(run.run_id, "again").content == {"made": "x" * 5000}
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(blobs)).scalar_one() == 1


def test_the_latest_run_with_an_artifact_is_one_that_succeeded(engine: sa.Engine) -> None:
    history = SqlHistory(engine)
    with pytest.raises(RunError, match="has succeeded and produced 'a'"):
        history.find_artifact(from_run="latest", artifact_id="a", runbook="by hand")
    good = run_of(engine, {"a": [], "b": []})
    run_of(engine, {"a": [], "b": []}, failing("b"))
    assert history.find_artifact(from_run="latest", artifact_id="a", runbook="by hand").run_id == good


def test_characters_that_a_database_refuses_are_stored_escaped(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # what is captured of a log must be UTF-8 for pytest-xdist

    def make(_name: str) -> None:
        raise RuntimeError("NUL \x00 and a lone surrogate \udcff")

    run_id = run_of(engine, {"a": []}, make)
    error = SqlHistory(engine).artifacts_of(run_id)[0].error
    assert error == r"RuntimeError: NUL \x00 and a lone surrogate \udcff"


def test_a_failing_write_does_not_fail_the_others_of_its_transaction(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan_of_dag({"a": [], "b": []}), trigger="test", caller=CALLER)
    writer = run.log._writer  # type: ignore[attr-defined]

    def bad(connection: sa.Connection) -> None:
        connection.execute(sa.update(artifacts).values(status="odd"))

    def good(connection: sa.Connection) -> None:
        connection.execute(sa.update(artifacts).values(error="written"))

    futures = [writer.submit(write, urgent=False) for write in (good, bad)]
    run.store.save("a", message_of())
    futures[0].result()
    with pytest.raises(sa.exc.IntegrityError):
        futures[1].result()
    assert run.store.list_artifacts() == ["a"]
    with pytest.raises(sa.exc.IntegrityError):  # not awaited, and not lost
        run.log.close(RunStatus.SUCCEEDED)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.SUCCEEDED


def held(engine: sa.Engine) -> Any:
    """Hold the lock that every write of a run needs, as a slow backup or a long transaction does."""
    holding = engine.connect().execution_options(waivern_begin="BEGIN IMMEDIATE")
    transaction = holding.begin()
    holding.execute(sa.update(runs).values(error=None))
    return holding, transaction


def test_a_change_that_could_not_be_written_at_once_is_written_later(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SqlRunStore(engine).create(plan_of_dag({"a": [], "b": ["a"]}), trigger="test", caller=CALLER)
    writer = run.log._writer  # type: ignore[attr-defined]
    guard, failures = writer._guard, []

    def unreachable_at_first(connection: sa.Connection) -> None:
        if len(failures) < 3:
            failures.append("cut off")
            raise DatabaseUnavailableError("cut off")
        guard(connection)

    monkeypatch.setattr(writer, "_guard", unreachable_at_first)
    run.log.record(ArtifactChange("a", ArtifactStatus.FAILED, utc_now(), error="the reason"))
    give_up = time.monotonic() + 20
    while len(failures) < 3 and time.monotonic() < give_up:
        time.sleep(0.02)
    run.log.close(RunStatus.FAILED)
    a, b = SqlHistory(engine).artifacts_of(run.run_id)
    assert (a.status, a.error) == (ArtifactStatus.FAILED, "the reason")
    assert (b.status, b.skip_reason) == (ArtifactStatus.SKIPPED, SkipReason.INTERRUPTED)


def test_result_and_database_agree_when_the_database_is_slow_at_the_deadline(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": [], "b": ["a"]}, timeout=0.3)
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    locked: list[Any] = []

    def make(_properties: Mapping[str, Any], *_inputs: Any) -> dict[str, Any]:
        locked.append(held(engine))
        return {"made": True}

    def release() -> None:
        holding, transaction = locked[0]
        transaction.rollback()
        holding.close()

    registry = registry_of(run.store, connectors={"make": make}, analysers={"make": make})
    threading.Timer(1.5, release).start()
    result = asyncio.run(DAGExecutor(registry).execute(plan, run_log=run.log))
    output = {artifact.artifact_id: artifact.status for artifact in SqlHistory(engine).artifacts_of(run.run_id)}
    assert result.status is RunStatus.TIMED_OUT
    assert output == {
        name: ArtifactStatus.SKIPPED if name in result.skipped else ArtifactStatus.SUCCEEDED for name in ("a", "b")
    }
    assert "b" in result.skipped


def test_a_running_artifact_is_visible_within_moments(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan_of_dag({"a": []}), trigger="test", caller=CALLER)
    run.log.record(ArtifactChange("a", ArtifactStatus.RUNNING, utc_now()))
    give_up = time.monotonic() + 10
    history = SqlHistory(engine)
    while history.artifacts_of(run.run_id)[0].status is ArtifactStatus.PENDING and time.monotonic() < give_up:
        time.sleep(0.02)
    assert history.artifacts_of(run.run_id)[0].status is ArtifactStatus.RUNNING
    run.log.close(RunStatus.CANCELLED)


def test_a_steady_stream_of_changes_renews_the_lease(engine: sa.Engine) -> None:
    run = SqlRunStore(engine, lease_s=0.6).create(plan_of_dag({"a": []}), trigger="test", caller=CALLER)
    history = SqlHistory(engine)
    for _ in range(12):
        run.log.record(ArtifactChange("a", ArtifactStatus.RUNNING, utc_now()))
        time.sleep(0.1)
    assert history.find(run.run_id).status is RunStatus.RUNNING
    run.log.close(RunStatus.CANCELLED)


def test_only_one_of_two_concurrent_resumes_succeeds(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": []})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    abandon(run, engine, owner=dead_process_of_this_host())
    together, outcomes = threading.Barrier(4), []

    def take_up() -> None:
        together.wait(10)
        try:
            outcomes.append(SqlRunStore(engine).resume(run.run_id, plan, caller=CALLER))
        except RunError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=take_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (taken,) = [outcome for outcome in outcomes if isinstance(outcome, RunHandle)]
    assert taken.epoch == 2
    taken.log.close(RunStatus.CANCELLED)


def many_items(number: int) -> dict[str, Any]:
    return {"name": "many", "data": [{"content": f"{item} " + "x1y2" * 500, "row": item} for item in range(number)]}


def saved_in_parts(engine: sa.Engine) -> tuple[str, dict[str, Any]]:
    content = many_items(2_000)
    run = SqlRunStore(engine).create(plan_of_dag({"a": []}), trigger="test", caller=CALLER)
    run.store.save("a", Message("", content, Schema("any", "1.0.0")))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id, content


def test_a_message_of_many_megabytes_is_stored_in_parts_and_can_be_read(engine: sa.Engine) -> None:
    run_id, content = saved_in_parts(engine)
    with engine.connect() as connection:
        manifest = connection.execute(sa.select(blobs.c.size).where(blobs.c.codec == "manifest")).one()
        size, stored_size, number = connection.execute(_SIZES).one()
    assert manifest.size == len(canonical_bytes(content)) > 4_000_000
    assert number > 5
    assert stored_size < size / 10
    assert SqlHistory(engine).message_of(run_id, "a").content == content
    saved_in_parts(engine)
    with engine.connect() as connection:
        assert connection.execute(_SIZES).one() == (size, stored_size, number)


_SIZES = sa.select(sa.func.sum(blobs.c.size), sa.func.sum(blobs.c.stored_size), sa.func.count())


@given(st.integers(0, 2**20), st.integers(1, 255))
@settings(max_examples=examples(60), deadline=None)
def test_every_changed_byte_of_a_content_that_an_earlier_version_stored_in_pieces_is_detected(
    place: int, change: int
) -> None:
    digest, size, data = _PACKED.setdefault("pieces", in_pieces(many_items(1_100), "data"))
    altered_data = bytearray(data)
    altered_data[place % len(data)] ^= change
    altered = Blob(digest, "zstd-parts", size, bytes(altered_data))
    try:
        content = altered.content(subject="a")
    except CorruptArtifactError as error:
        assert "not what was saved" in str(error)  # noqa: PT017  a bit of a frame may mean nothing
    else:
        assert content == many_items(1_100)


@given(st.integers(0, 2**20), st.integers(1, 255))
@settings(max_examples=examples(60), deadline=None)
def test_every_changed_byte_of_a_manifest_is_detected(place: int, change: int) -> None:
    form = _FORMS.setdefault("large", CanonicalForm(many_items(1_100)))
    assert form.parts is not None
    blob = Blob.of(form)
    altered_data = bytearray(blob.data)
    altered_data[place % len(altered_data)] ^= change
    altered = Blob(blob.digest, blob.codec, blob.size, bytes(altered_data))
    try:
        manifest = altered.manifest(subject="a")
    except CorruptArtifactError as error:
        assert "not what was saved" in str(error)  # noqa: PT017  a bit of a frame may mean nothing
    else:
        assert manifest == form.parts.manifest


_PACKED: dict[str, tuple[str, int, bytes]] = {}
_FORMS: dict[str, CanonicalForm] = {}


def test_closing_a_run_twice_is_an_error(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan_of_dag({"a": []}), trigger="test", caller=CALLER)
    run.log.close(RunStatus.SUCCEEDED)
    with pytest.raises(RuntimeError, match="closed"):
        run.log.close(RunStatus.FAILED)


def test_a_cancelled_run_is_closed_as_cancelled_with_every_artifact(engine: sa.Engine) -> None:
    plan = plan_of_dag({"a": [], "b": ["a"]})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    started, released = threading.Event(), threading.Event()

    def hang(_properties: Mapping[str, Any], *_inputs: Any) -> dict[str, Any]:
        started.set()
        released.wait(30)
        return {}

    async def cancel_once_it_runs() -> None:
        registry = registry_of(run.store, connectors={"make": hang}, analysers={"make": hang})
        running = asyncio.create_task(DAGExecutor(registry).execute(plan, run_log=run.log))
        await asyncio.to_thread(started.wait, 10)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_once_it_runs())
    released.set()
    history = SqlHistory(engine)
    assert history.find(run.run_id).status is RunStatus.CANCELLED
    assert {artifact.skip_reason for artifact in history.artifacts_of(run.run_id)} == {SkipReason.CANCELLED}


class Panic(BaseException):
    """What a library written in another language raises when it gives up."""


@pytest.mark.parametrize(
    "error", [Panic("lost"), DatabaseUnavailableError("The shop is down"), asyncio.CancelledError()]
)
def test_any_exception_of_a_component_fails_only_its_artifact(engine: sa.Engine, error: BaseException) -> None:
    def make(name: str) -> str:
        if name == "bad":
            raise error
        return name

    run_id = run_of(engine, {"bad": [], "after": ["bad"], "good": []}, make)
    history = SqlHistory(engine)
    assert history.find(run_id).status is RunStatus.FAILED
    output = {artifact.artifact_id: artifact.status.value for artifact in history.artifacts_of(run_id)}
    assert output == {"bad": "failed", "after": "skipped", "good": "succeeded"}


def test_the_error_of_an_aborted_run_contains_no_secret(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct-horse-battery")
    plan = replace(plan_of_dag({"a": []}), variables=frozenset({"SHOP_PASSWORD"}))
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)

    def fail(*_: Any) -> None:
        raise DatabaseUnavailableError("no login with correct-horse-battery")

    monkeypatch.setattr(run.store, "save", fail)
    with pytest.raises(DatabaseUnavailableError):
        execute(run, plan, str)
    found = SqlHistory(engine).find(run.run_id)
    assert (found.status, found.error) == (RunStatus.INTERRUPTED, "no login with ${SHOP_PASSWORD}")
    assert SqlHistory(engine).artifacts_of(run.run_id)[0].skip_reason is SkipReason.INTERRUPTED


def test_the_error_of_an_earlier_attempt_is_removed_when_the_artifact_succeeds(engine: sa.Engine) -> None:
    dag = {"a": [], "b": ["a"]}
    run_id = run_of(engine, dag, failing("a"))
    run = SqlRunStore(engine).resume(run_id, plan_of_dag(dag), caller=CALLER)
    assert all(
        (artifact.status, artifact.error, artifact.skip_reason) == (ArtifactStatus.PENDING, None, None)
        for artifact in SqlHistory(engine).artifacts_of(run_id)
    )
    execute(run, plan_of_dag(dag), str)
    assert {artifact.error for artifact in SqlHistory(engine).artifacts_of(run_id)} == {None}


def test_a_lost_connection_to_postgres_does_not_lose_the_run(postgres_url: str) -> None:
    with migrated(postgres_url) as engine:
        run = SqlRunStore(engine).create(plan_of_dag({"a": [], "b": []}), trigger="test", caller=CALLER)
        run.store.save("a", message_of(n=1))
        with sa.create_engine(engine.url, poolclass=sa.NullPool).connect() as other:
            other.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            )
        run.store.save("b", message_of(n=2))
        run.log.close(RunStatus.SUCCEEDED)
        assert SqlHistory(engine).find(run.run_id).artifacts.succeeded == 2


def test_each_failed_attempt_at_an_artifact_is_recorded(engine: sa.Engine) -> None:
    tried: list[str] = []

    def make(name: str) -> str:
        tried.append(name)
        if len(tried) < 3:
            raise RuntimeError(f"not yet, {len(tried)}")
        return name

    retry = {"attempts": 3, "delay": 0}
    plan = plan_of({"a": {"source": {"type": "make", "properties": {"name": "a"}}, "retry": retry}})
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    execute(run, plan, make)
    history = SqlHistory(engine)
    assert history.find(run.run_id).status is RunStatus.SUCCEEDED
    attempts = history.failed_attempts_of(run.run_id)
    assert [(attempt.artifact_id, attempt.attempt, attempt.error) for attempt in attempts] == [
        ("a", 1, "RuntimeError: not yet, 1"),
        ("a", 2, "RuntimeError: not yet, 2"),
    ]
    assert all(attempt.started_at <= attempt.ended_at for attempt in attempts)
