"""A run that cannot be recorded is not stored as failed: it is resumed, or queued again by its service."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern import DAGExecutor, InMemoryArtifactStore
from waivern.database.connection import engine as engine_module
from waivern.database.connection.engine import open_engine
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.errors import DatabaseUnavailableError
from waivern.history.run_records import RunFilter
from waivern.runs.run import RunStatus
from waivern.runs.run_store import NewRun, RunHandle
from waivern.testing.builders import plan_of_dag, registry_of

PLAN = plan_of_dag({"a": [], "b": ["a"], "c": ["b"]})


def execute(run: RunHandle) -> None:
    def make(properties: Any, *_inputs: Any) -> dict[str, Any]:
        return {"made": properties["name"]}

    registry = registry_of(InMemoryArtifactStore(), connectors={"make": make}, analysers={"make": make})
    asyncio.run(DAGExecutor(registry, store=run.store).execute(PLAN, run_log=run.log))


def failing_at(artifact: str, save: Callable[..., None]) -> Callable[..., None]:
    def fail(artifact_id: str, message: Any) -> None:
        if artifact_id == artifact:
            raise DatabaseUnavailableError("The database is locked")
        save(artifact_id, message)

    return fail


def test_a_run_that_cannot_be_recorded_is_interrupted_and_can_be_resumed(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER)
    monkeypatch.setattr(run.store, "save", failing_at("b", run.store.save))
    with pytest.raises(DatabaseUnavailableError):
        execute(run)
    found = SqlHistory(engine).find(run.run_id)
    assert (found.status, found.error) == (RunStatus.INTERRUPTED, "The database is locked")
    again = SqlRunStore(engine).resume(run.run_id, PLAN, caller=CALLER)
    assert again.already_succeeded == {"a"}
    execute(again)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.SUCCEEDED


def test_a_claimed_run_that_cannot_be_recorded_is_left_to_its_service(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqlRunStore(engine)
    store.enqueue(NewRun(Path("a.yaml"), "A", "trigger"))
    claimed = store.claim()
    assert claimed is not None
    run = store.adopt_claimed(claimed, PLAN, caller=CALLER)
    monkeypatch.setattr(run.store, "save", failing_at("b", run.store.save))
    with pytest.raises(DatabaseUnavailableError):
        execute(run)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.RUNNING
    assert store.release(claimed.run_id, claimed.epoch, caller=CALLER)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.QUEUED
    again = store.claim()
    assert again is not None
    execute(store.adopt_claimed(again, PLAN, caller=CALLER))
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.SUCCEEDED


def test_many_runs_on_one_sqlite_file_succeed_or_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with migrated(sqlite_url(tmp_path)):
        pass
    monkeypatch.setattr(engine_module, "_BUSY_TIMEOUT_S", 0.02)  # so that some of them cannot be recorded
    outcomes: Counter[str] = Counter()

    def run_once() -> None:
        engine = open_engine(sqlite_url(tmp_path))
        try:
            execute(SqlRunStore(engine).create(PLAN, trigger="manual", caller=CALLER))
            outcomes["succeeded"] += 1
        except DatabaseUnavailableError:
            outcomes["unavailable"] += 1
        engine.dispose()

    threads = [threading.Thread(target=run_once) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert outcomes.total() == len(threads)
    with migrated(sqlite_url(tmp_path)) as engine:
        stored = Counter(run.status for run in SqlHistory(engine).recent(RunFilter(), limit=100))
    assert stored[RunStatus.SUCCEEDED] == outcomes["succeeded"]
    assert set(stored) <= {RunStatus.SUCCEEDED, RunStatus.INTERRUPTED, RunStatus.RUNNING}
