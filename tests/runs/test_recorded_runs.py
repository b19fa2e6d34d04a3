"""What the executor records of a run, and how it ends when the run cannot be recorded."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from waivern import DAGExecutor, ExecutionResult, InMemoryArtifactStore
from waivern.errors import DatabaseError, RunTakenOverError
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus, SkipReason
from waivern.runs.run_log import RunLog
from waivern.testing.builders import message_of, plan_of, registry_of

START = datetime(2026, 1, 1, tzinfo=UTC)
MANY_S = 60.0


class Clock:
    """Goes forward by a second each time that it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> datetime:
        self.reads += 1
        return START + timedelta(seconds=self.reads)


class FullLog(RunLog):
    """Keeps everything; raises `error` at the first change, if given."""

    def __init__(self, *, error: Exception | None = None, already_succeeded: frozenset[str] = frozenset()) -> None:
        self.error = error
        self.already_succeeded = already_succeeded
        self.changes: list[ArtifactChange] = []
        self.attempts: list[FailedAttempt] = []
        self.ends: list[tuple[str, str | None]] = []
        self.on_close: Callable[[], None] = lambda: None
        self.lose: Callable[[RunTakenOverError], None] | None = None

    def open(self, plan: ExecutionPlan) -> frozenset[str]:
        return self.already_succeeded

    def record(self, change: ArtifactChange) -> None:
        if self.error is not None:
            raise self.error
        self.changes.append(change)

    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        self.attempts.append(attempt)

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        self.ends.append((status.value, error))
        self.on_close()

    def abandon(self, *, error: str) -> None:
        self.ends.append(("abandoned", error))

    def on_lost(self, callback: Callable[[RunTakenOverError], None]) -> None:
        self.lose = callback


class Pools:
    """Makes pools of threads, and keeps how large they are."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.pools: list[ThreadPoolExecutor] = []

    def __call__(self, number: int) -> Executor:
        self.sizes.append(number)
        self.pools.append(ThreadPoolExecutor(number))
        return self.pools[-1]

    def wait(self) -> None:
        for pool in self.pools:
            pool.shutdown(wait=True)


def execute(
    plan: ExecutionPlan,
    make: Callable[[str], Any],
    log: RunLog,
    *,
    store: InMemoryArtifactStore | None = None,
    pools: Pools | None = None,
    environment: Mapping[str, str] | None = None,
) -> ExecutionResult:
    registry = registry_of(InMemoryArtifactStore(), connectors={"make": lambda given: {"made": make(given["name"])}})
    executor = DAGExecutor(
        registry,
        store=store or InMemoryArtifactStore(),
        executor_factory=pools or Pools(),
        environment=environment or {},
        clock=Clock(),
    )
    return asyncio.run(executor.execute(plan, run_log=log))


def source(name: str, **terms: Any) -> dict[str, Any]:
    return {"source": {"type": "make", "properties": {"name": name}}, **terms}


def failing(*names: str) -> Callable[[str], str]:
    def make(name: str) -> str:
        if name in names:
            raise OSError("no disk")
        return name

    return make


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_each_change_is_recorded_in_order_with_its_time_error_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    log = FullLog()
    plan = plan_of({"a": source("a"), "b": source("b"), "c": {"inputs": "b"}, "d": {"inputs": "c"}}, max_concurrency=1)
    result = execute(plan, failing("b"), log)
    skipped = {"skip_reason": SkipReason.DEPENDENCY_FAILED, "skipped_because": "b"}
    assert log.changes == [
        ArtifactChange("a", ArtifactStatus.RUNNING, at(1)),
        ArtifactChange("a", ArtifactStatus.SUCCEEDED, at(2)),
        ArtifactChange("b", ArtifactStatus.RUNNING, at(3)),
        ArtifactChange("b", ArtifactStatus.FAILED, at(4), "OSError: no disk"),
        ArtifactChange("c", ArtifactStatus.SKIPPED, at(5), **skipped),
        ArtifactChange("d", ArtifactStatus.SKIPPED, at(6), **skipped),
    ]
    assert (log.ends, log.attempts) == ([("failed", None)], [])
    assert (result.status, result.skipped_because) == (RunStatus.FAILED, {"c": "b", "d": "b"})
    assert [
        (entry.levelno, entry.getMessage()) for entry in caplog.records if entry.name == "waivern.runs.executor"
    ] == [(logging.ERROR, "Artifact 'b' failed: OSError: no disk")]


def test_a_failed_attempt_is_recorded_and_logged_with_the_next_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waivern.runs.executor._jitter.random", lambda: 0.5)
    log = FullLog()
    retry = {"attempts": 2, "delay": 0.01, "backoff": 1, "jitter": 0.004}
    result = execute(plan_of({"a": source("a", retry=retry, optional=True)}), failing("a"), log)
    assert [(attempt.artifact_id, attempt.attempt, attempt.error, attempt.ended_at) for attempt in log.attempts] == [
        ("a", 1, "OSError: no disk", at(2)),
        ("a", 2, "OSError: no disk", at(4)),
    ]
    assert all(START - timedelta(minutes=10) < attempt.started_at < attempt.ended_at for attempt in log.attempts)
    assert [change.status for change in log.changes] == ["running", "running", "failed"]
    assert (result.status, result.artifacts["a"].attempts) == (RunStatus.SUCCEEDED, 2)
    assert [(entry.name, entry.levelno, entry.getMessage()) for entry in caplog.records if "waivern" in entry.name] == [
        (
            "waivern.runs.retries",
            logging.WARNING,
            "Attempt 1 of 2 at artifact 'a' failed; the next one starts in 0.012 s: OSError: no disk",
        ),
        ("waivern.runs.executor", logging.WARNING, "Optional artifact 'a' failed: OSError: no disk"),
    ]


def test_an_attempt_that_takes_too_long_has_its_own_thread_and_its_late_result_is_not_saved() -> None:
    released = threading.Event()
    log, pools, store = FullLog(), Pools(), InMemoryArtifactStore()
    make = lambda name: released.wait(MANY_S) if name == "slow" else name  # noqa: E731
    slow = source("slow", timeout=0.05, retry={"attempts": 2, "delay": 0, "backoff": 1})
    result = execute(plan_of({"slow": slow, "b": source("b")}, max_concurrency=3), make, log, pools=pools, store=store)
    released.set()
    pools.wait()
    assert pools.sizes == [3, 1, 1]
    assert store.list_artifacts() == ["b"]
    ended = result.artifacts["slow"]
    assert (ended.success, ended.message, ended.error) == (False, None, "it took longer than 0.05 s")
    assert (ended.attempts, ended.duration_seconds) in {(2, float(seconds)) for seconds in range(1, 5)}
    assert [attempt.attempt for attempt in log.attempts] == [1, 2]


def test_a_run_that_loses_its_owner_stops_though_a_component_hangs() -> None:
    log, started, released = FullLog(), threading.Event(), threading.Event()

    def make(_name: str) -> bool:
        started.set()
        return released.wait(MANY_S)

    def lose() -> None:
        started.wait(MANY_S)
        assert log.lose is not None
        log.lose(RunTakenOverError("it was cancelled"))

    loser = threading.Thread(target=lose, daemon=True)
    loser.start()
    pools, store = Pools(), InMemoryArtifactStore()
    with pytest.raises(RunTakenOverError, match="it was cancelled"):
        execute(plan_of({"a": source("a")}), make, log, pools=pools, store=store)
    released.set()
    pools.wait()
    assert log.ends == [("failed", "it was cancelled")]
    assert store.list_artifacts() == []


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (DatabaseError("me:correct-horse is refused"), ("abandoned", "me:${PASSWORD} is refused")),
        (RunTakenOverError("taken over"), ("failed", "taken over")),
        (KeyError(), ("failed", "KeyError")),
    ],
)
def test_a_run_that_cannot_be_recorded_is_abandoned_and_any_other_is_failed(
    error: Exception, end: tuple[str, str]
) -> None:
    log = FullLog(error=error)
    plan = plan_of({"a": source("a")})
    object.__setattr__(plan, "variables", frozenset({"PASSWORD"}))
    with pytest.raises(type(error)):
        execute(plan, failing(), log, environment={"PASSWORD": "correct-horse"})
    assert log.ends == [end]


def test_a_resumed_run_keeps_what_it_has_and_a_new_one_starts_empty() -> None:
    plan = plan_of({"a": source("a"), "b": {"inputs": "a"}})
    for already_succeeded, kept in ((frozenset({"a"}), ["old", "a", "b"]), (frozenset(), ["a", "b"])):
        store = InMemoryArtifactStore()
        for name in ("old", "a"):
            store.save(name, message_of(made="earlier"))
        result = execute(plan, failing(), FullLog(already_succeeded=already_succeeded), store=store)
        assert store.list_artifacts() == kept
        assert result.status is RunStatus.SUCCEEDED
        assert store.get("b").content == {"made": "earlier" if already_succeeded else "a"}


def test_what_is_unfinished_at_the_deadline_is_recorded_as_skipped() -> None:
    released = threading.Event()
    log, pools = FullLog(), Pools()
    plan = plan_of({"stuck": source("stuck"), "after": {"inputs": "stuck"}}, timeout=0.1)
    result = execute(plan, lambda _name: released.wait(MANY_S), log, pools=pools)
    released.set()
    pools.wait()
    assert [
        (change.artifact_id, change.status, change.skip_reason, change.skipped_because) for change in log.changes[1:]
    ] == [
        ("stuck", ArtifactStatus.SKIPPED, SkipReason.TIMEOUT, None),
        ("after", ArtifactStatus.SKIPPED, SkipReason.TIMEOUT, None),
    ]
    assert log.ends == [("timed_out", None)]
    assert (result.status, result.skipped) == (RunStatus.TIMED_OUT, {"stuck", "after"})


class SlowStore(InMemoryArtifactStore):
    """Saves when the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.saving, self.may_save = threading.Event(), threading.Event()

    def save(self, artifact_id: str, message: Any) -> None:
        self.saving.set()
        self.may_save.wait(MANY_S)
        super().save(artifact_id, message)


def test_a_save_that_ends_while_the_run_is_closed_counts_as_succeeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waivern.runs.executor._COMMIT_GRACE_S", 0.01)
    store, log, pools = SlowStore(), FullLog(), Pools()

    def finish_saving() -> None:
        store.may_save.set()
        pools.pools[0].shutdown(wait=True)

    log.on_close = finish_saving
    plan = plan_of({"a": source("a"), "b": {"inputs": "a"}}, timeout=1)
    result = execute(plan, failing(), log, store=store, pools=pools)
    assert store.list_artifacts() == ["a"]
    assert (set(result.artifacts), result.skipped) == ({"a"}, {"b"})
    assert (result.status, log.ends) == (RunStatus.TIMED_OUT, [("timed_out", None)])
