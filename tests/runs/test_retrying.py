"""Retries of artifacts, and attempts that time out."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.builders.thoroughness import examples
from waivern import ComponentError, DAGExecutor, ExecutionResult, InMemoryArtifactStore
from waivern.errors import RunbookError
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, RetryConfig
from waivern.runs.run import ArtifactChange, ArtifactStatus, FailedAttempt, RunStatus, SkipReason
from waivern.runs.run_log import RunLog
from waivern.testing.builders import plan_of, registry_of

NO_DELAY = {"delay": 0, "backoff": 1}


class RecordingLog(RunLog):
    """Keeps all changes and failed attempts."""

    def __init__(self) -> None:
        self.attempts: list[FailedAttempt] = []
        self.changes: list[tuple[str, ArtifactStatus]] = []

    def open(self, plan: ExecutionPlan) -> frozenset[str]:
        return frozenset()

    def record(self, change: ArtifactChange) -> None:
        self.changes.append((change.artifact_id, change.status))

    def record_failed_attempt(self, attempt: FailedAttempt) -> None:
        self.attempts.append(attempt)

    def close(self, status: RunStatus, *, error: str | None = None) -> None:
        pass


def execute(plan: ExecutionPlan, make: Callable[[str], Any], log: RunLog | None = None) -> ExecutionResult:
    def content(properties: Mapping[str, Any], *_inputs: Any) -> dict[str, Any]:
        return {"made": make(properties["name"])}

    registry = registry_of(InMemoryArtifactStore(), connectors={"make": content}, analysers={"make": content})
    return asyncio.run(DAGExecutor(registry).execute(plan, run_log=log))


def source(name: str = "a", **terms: Any) -> dict[str, Any]:
    return {"source": {"type": "make", "properties": {"name": name}}, **terms}


def failing_first(times: int) -> Callable[[str], int]:
    """Return a function that fails `times` times per name, then succeeds."""
    tried: Counter[str] = Counter()

    def make(name: str) -> int:
        tried[name] += 1
        if tried[name] <= times:
            raise ComponentError(f"not yet, {tried[name]}")
        return tried[name]

    return make


@settings(deadline=None, max_examples=examples(60))
@given(failures=st.integers(0, 5), attempts=st.integers(1, 5))
def test_an_artifact_succeeds_exactly_if_one_of_its_attempts_does(failures: int, attempts: int) -> None:
    log = RecordingLog()
    retry = {"attempts": attempts, **NO_DELAY}
    after = {"inputs": ["a"], "process": {"type": "make", "properties": {"name": "after"}}}
    made: Counter[str] = Counter()
    first = failing_first(failures)

    def make(name: str) -> Any:
        made[name] += 1
        return first(name) if name == "a" else name

    result = execute(plan_of({"a": source(retry=retry), "after": after}), make, log)
    succeeds = failures < attempts
    assert result.artifacts["a"].success is succeeds
    assert result.artifacts["a"].attempts == made["a"] == min(failures + 1, attempts)
    assert made["after"] == int(succeeds)
    assert [attempt.attempt for attempt in log.attempts] == list(range(1, min(failures, attempts) + 1))
    assert log.changes.count(("a", ArtifactStatus.FAILED)) == int(not succeeds)


def test_an_artifact_without_retry_has_one_unrecorded_attempt() -> None:
    log = RecordingLog()
    result = execute(plan_of({"a": source()}), failing_first(1), log)
    assert (result.artifacts["a"].success, log.attempts) == (False, [])


def test_a_final_error_is_not_retried() -> None:
    tried: list[str] = []

    def make(name: str) -> None:
        tried.append(name)
        raise RunbookError("${NAME} is not set")

    result = execute(plan_of({"a": source(retry=NO_DELAY)}), make)
    assert (result.status, tried) == (RunStatus.FAILED, ["a"])


def test_an_artifact_that_waits_for_its_next_attempt_occupies_no_worker() -> None:
    made: list[str] = []
    first = failing_first(1)

    def make(name: str) -> Any:
        made.append(name)
        return first(name) if name == "flaky" else name

    plan = plan_of(
        {"flaky": source("flaky", retry={"delay": 0.2, "attempts": 2}), "b": source("b"), "c": source("c")},
        max_concurrency=1,
    )
    assert execute(plan, make).status is RunStatus.SUCCEEDED
    assert made == ["flaky", "b", "c", "flaky"]


def test_the_deadline_of_the_run_ends_the_wait_for_the_next_attempt() -> None:
    started = time.monotonic()
    result = execute(plan_of({"a": source(retry={"delay": 60})}, timeout=0.3), failing_first(5))
    assert time.monotonic() - started < 10
    assert (result.status, result.skip_reasons) == (RunStatus.TIMED_OUT, {"a": SkipReason.TIMEOUT})


def test_an_attempt_that_times_out_has_failed_and_its_late_result_is_refused() -> None:
    released = threading.Event()

    def make(name: str) -> str:
        if name == "slow":
            released.wait(20)
        return name

    log = RecordingLog()
    result = execute(plan_of({"slow": source("slow", timeout=0.2), "b": source("b")}), make, log)
    released.set()
    assert result.status is RunStatus.FAILED
    assert result.artifacts["slow"].error == "it took longer than 0.2 s"
    assert result.artifacts["b"].success
    assert [attempt.error for attempt in log.attempts] == ["it took longer than 0.2 s"]


def test_a_hung_attempt_occupies_no_worker_and_the_next_one_may_succeed() -> None:
    released = threading.Event()
    tried: Counter[str] = Counter()

    def make(name: str) -> int:
        tried[name] += 1
        if name == "slow" and tried[name] < 3:
            released.wait(20)
        return tried[name]

    artifacts = {"slow": source("slow", timeout=0.2, retry=NO_DELAY), **{n: source(n) for n in "bcd"}}
    result = execute(plan_of(artifacts, max_concurrency=1), make)
    released.set()
    assert result.status is RunStatus.SUCCEEDED
    message = result.artifacts["slow"].message
    assert message is not None
    assert message.content == {"made": 3}


@settings(max_examples=examples(200))
@given(
    delay=st.floats(0, 1e4),
    backoff=st.floats(1, 100),
    max_delay=st.floats(0, 1e4),
    attempt=st.integers(1, 100),
    share=st.floats(0, 1),
)
def test_a_retry_delay_never_exceeds_its_maximum(
    delay: float, backoff: float, max_delay: float, attempt: int, share: float
) -> None:
    retry = RetryConfig(delay=delay, backoff=backoff, max_delay=max_delay, jitter=2.0)
    wait = retry.delay_after(attempt, share=share) - share * 2.0
    assert -1e-6 <= wait <= max(max_delay, 0) * (1 + 1e-9) + 1e-6
    if attempt > 1:
        assert wait >= retry.delay_after(attempt - 1, share=0) - 1e-6


def test_retry_delays_grow_by_the_backoff_factor() -> None:
    retry = RetryConfig(delay=1, backoff=2, max_delay=5)
    assert [round(retry.delay_after(attempt, share=0), 6) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"inputs": ["a"], "retry": {}}, "retry is not allowed on this artifact: it has no component"),
        ({"inputs": ["a"], "timeout": 3}, "timeout is not allowed on this artifact"),
        ({"reuse": {"from_run": "latest", "artifact": "a"}, "retry": {}}, "retry is not allowed on this artifact"),
        ({"child_runbook": {"path": "c.yaml", "output": "x"}, "retry": {}}, "on the artifacts of the child runbook"),
        ({"source": {"type": "x"}, "timeout": 0}, "greater than 0"),
        ({"source": {"type": "x"}, "timeout": "5 parsecs"}, "not a valid duration"),
        ({"source": {"type": "x"}, "retry": {"attempts": 0}}, "greater than or equal to 1"),
        ({"source": {"type": "x"}, "retry": 3}, "dictionary"),
    ],
)
def test_retry_and_timeout_are_refused_where_they_cannot_apply(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ArtifactDefinition.model_validate(definition)
