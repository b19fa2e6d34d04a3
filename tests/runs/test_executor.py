"""Scenarios of the executor with an artifact store in memory."""

import asyncio
import logging
import pickle
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from waivern import DAGExecutor, ExecutionResult, InMemoryArtifactStore, Message, Schema
from waivern.runs.artifact_runner import ArtifactTask
from waivern.runs.run import RunStatus, SkipReason
from waivern.testing.builders import ANY_SCHEMA, plan_of, plan_of_dag, registry_of


def execute(
    plan: Any,
    *,
    connectors: Mapping[str, Any] | None = None,
    analysers: Mapping[str, Any] | None = None,
    store: InMemoryArtifactStore | None = None,
) -> ExecutionResult:
    registry = registry_of(store or InMemoryArtifactStore(), connectors=connectors, analysers=analysers)
    return asyncio.run(DAGExecutor(registry).execute(plan))


def execute_making(make: Callable[[str], Any], dag: Mapping[str, Sequence[str]], **config: Any) -> ExecutionResult:
    """Execute a DAG in which every artifact's content is {"made": make(its name)}."""

    def content(properties: Mapping[str, Any], *_inputs: Any) -> dict[str, Any]:
        return {"made": make(properties["name"])}

    return execute(plan_of_dag(dag, **config), connectors={"make": content}, analysers={"make": content})


def failing(*names: str) -> Callable[[str], Any]:
    def make(name: str) -> str:
        if name in names:
            raise OSError(f"{name} is not there")
        return name

    return make


def test_a_single_source_succeeds() -> None:
    result = execute_making(str.upper, {"customers": []})
    assert result.status is RunStatus.SUCCEEDED
    assert result.artifacts["customers"].success
    message = result.artifacts["customers"].message
    assert message is not None
    assert message.content == {"made": "CUSTOMERS"}


def test_independent_sources_run_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)
    result = execute_making(lambda _name: together.wait() >= 0, {"a": [], "b": [], "c": []})
    assert result.status is RunStatus.SUCCEEDED


def test_a_chain_runs_in_order() -> None:
    made: list[str] = []
    result = execute_making(made.append, {"c": ["b"], "b": ["a"], "a": []})
    assert made == ["a", "b", "c"]
    assert result.status is RunStatus.SUCCEEDED


def test_a_fan_in_starts_after_all_its_inputs_and_receives_them_merged() -> None:
    ended: list[str] = []

    def extract(properties: Mapping[str, Any]) -> dict[str, Any]:
        time.sleep(properties["seconds"])
        ended.append(properties["name"])
        return {"title": properties["name"], "data": [properties["name"]]}

    def analyse(_properties: Mapping[str, Any], inputs: Sequence[Message]) -> dict[str, Any]:
        ended.append("analysis")
        return {"seen": [dict(message.content) for message in inputs]}

    plan = plan_of(
        {
            "slow": {"source": {"type": "read", "properties": {"name": "slow", "seconds": 0.05}}},
            "quick": {"source": {"type": "read", "properties": {"name": "quick", "seconds": 0.0}}},
            "analysis": {"inputs": ["slow", "quick"], "process": {"type": "analyse"}},
        }
    )
    result = execute(plan, connectors={"read": extract}, analysers={"analyse": analyse})
    assert ended == ["quick", "slow", "analysis"]
    message = result.artifacts["analysis"].message
    assert message is not None
    assert message.content["seen"] == [{"title": "slow", "data": ["slow", "quick"]}]


def test_several_inputs_without_a_process_are_merged_into_the_artifact() -> None:
    plan = plan_of(
        {
            "a": {"source": {"type": "read", "properties": {"n": 1}}},
            "b": {"source": {"type": "read", "properties": {"n": 2}}},
            "both": {"inputs": ["b", "a"]},
        }
    )
    result = execute(plan, connectors={"read": lambda properties: {"rows": [properties["n"]]}})
    message = result.artifacts["both"].message
    assert message is not None
    assert message.content == {"rows": [2, 1]}


def test_a_failure_skips_its_dependents_and_nothing_else() -> None:
    result = execute_making(failing("a"), {"a": [], "b": ["a"], "c": ["b"], "other": [], "beside": ["other"]})
    assert result.status is RunStatus.FAILED
    assert result.skipped == {"b", "c"}
    assert result.skip_reasons == {"b": SkipReason.DEPENDENCY_FAILED, "c": SkipReason.DEPENDENCY_FAILED}
    assert result.skipped_because == {"b": "a", "c": "a"}
    assert result.artifacts["a"].error == "OSError: a is not there"
    assert result.artifacts["beside"].success


def test_a_failed_optional_artifact_is_a_warning_and_the_run_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    plan = plan_of(
        {
            "logs": {"source": {"type": "broken"}, "optional": True},
            "of_logs": {"inputs": "logs", "process": {"type": "analyse"}},
            "shop": {"source": {"type": "fine"}},
        }
    )
    with caplog.at_level(logging.WARNING):
        result = execute(
            plan,
            connectors={"broken": lambda _: 1 / 0, "fine": lambda _: {}},
            analysers={"analyse": lambda _properties, _inputs: {}},
        )
    assert result.status is RunStatus.SUCCEEDED
    assert result.skipped == {"of_logs"}
    assert "Optional artifact 'logs' failed: ZeroDivisionError: division by zero" in caplog.text


def test_at_the_deadline_the_result_is_returned_even_if_a_connector_hangs() -> None:
    woken = threading.Event()
    store = InMemoryArtifactStore()
    registry = registry_of(
        store,
        connectors={"quick": lambda _: {"made": True}, "hang": lambda _: {"woken": woken.wait(30)}},
        analysers={"analyse": lambda _properties, _inputs: {}},
    )
    plan = plan_of(
        {
            "quick": {"source": {"type": "quick"}},
            "stuck": {"source": {"type": "hang"}},
            "after": {"inputs": "stuck", "process": {"type": "analyse"}},
        },
        timeout=0.2,
    )
    started = time.monotonic()
    result = asyncio.run(DAGExecutor(registry).execute(plan))
    took = time.monotonic() - started
    woken.set()
    time.sleep(0.1)  # gives the hung thread time to save, which it must not
    assert result.status is RunStatus.TIMED_OUT
    assert took < 5
    assert set(result.artifacts) == {"quick"}
    assert result.skip_reasons == {"stuck": SkipReason.TIMEOUT, "after": SkipReason.TIMEOUT}
    assert store.list_artifacts() == ["quick"]


def test_max_concurrency_limits_how_many_artifacts_run_at_once() -> None:
    counting = threading.Lock()
    now = [0]
    most = [0]

    def make(_name: str) -> None:
        with counting:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with counting:
            now[0] -= 1

    execute_making(make, {f"a{number}": [] for number in range(6)}, max_concurrency=2)
    assert most[0] == 2


def test_a_slow_branch_does_not_delay_another() -> None:
    chain_made = threading.Event()

    def make(name: str) -> bool:
        if name == "slow":
            return chain_made.wait(10)  # ends only if the other chain runs meanwhile
        if name == "c":
            chain_made.set()
        return True

    result = execute_making(make, {"slow": [], "a": [], "b": ["a"], "c": ["b"]})
    message = result.artifacts["slow"].message
    assert message is not None
    assert message.content == {"made": True}


def test_after_a_run_the_store_lists_its_artifacts_only() -> None:
    store = InMemoryArtifactStore()
    store.save("from an earlier run", Message("", {}, ANY_SCHEMA))
    plan = plan_of({"a": {"source": {"type": "read"}}, "b": {"source": {"type": "broken"}}})
    execute(plan, connectors={"read": lambda _: {}, "broken": lambda _: 1 / 0}, store=store)
    assert store.list_artifacts() == ["a"]


def test_an_analyser_receives_the_input_messages_and_the_output_schema() -> None:
    received: list[Any] = []

    def analyse(properties: Mapping[str, Any], inputs: Sequence[Message]) -> dict[str, Any]:
        received.append((properties, list(inputs)))
        return {"found": 1}

    plan = plan_of(
        {
            "text": {"source": {"type": "read"}},
            "found": {"inputs": "text", "process": {"type": "analyse", "properties": {"deep": True}}},
        }
    )
    result = execute(plan, connectors={"read": lambda _: {"data": ["x"]}}, analysers={"analyse": analyse})
    assert received == [({"deep": True}, [Message("", {"data": ["x"]}, ANY_SCHEMA)])]
    message = result.artifacts["found"].message
    assert message is not None
    assert message.schema == ANY_SCHEMA


@pytest.mark.parametrize(
    ("artifacts", "error"),
    [
        (
            {"a": {"source": {"type": "filesistem"}}},
            "There is no connector named 'filesistem'. Did you mean 'filesystem'?",
        ),
        (
            {"text": {"source": {"type": "filesystem"}}, "a": {"inputs": "text", "process": {"type": "unheard"}}},
            "There is no analyser named 'unheard'. Known: none",
        ),
    ],
)
def test_an_unknown_component_is_a_failed_artifact_with_a_clear_error(artifacts: Any, error: str) -> None:
    result = execute(plan_of(artifacts), connectors={"filesystem": lambda _: {}})
    assert result.artifacts["a"].error == error


def test_durations_are_measured_for_the_run_and_for_each_artifact() -> None:
    result = execute_making(lambda _name: time.sleep(0.03), {"a": [], "b": ["a"]})
    assert all(artifact.duration_seconds >= 0.03 for artifact in result.artifacts.values())
    assert result.total_duration_seconds >= 0.06


@pytest.mark.parametrize("made", [None, "text", Message("", {}, Schema("other", "1.0.0")), {"not": {1, 2, object()}}])
def test_a_component_must_return_a_message_of_the_requested_schema(made: Any) -> None:
    result = execute(plan_of({"a": {"source": {"type": "odd"}}}), connectors={"odd": lambda _: made})
    assert not result.artifacts["a"].success


def test_a_component_that_raises_system_exit_fails_only_its_artifact() -> None:
    result = execute(
        plan_of({"a": {"source": {"type": "leaves"}}, "b": {"source": {"type": "stays"}}}),
        connectors={"leaves": lambda _: (_ for _ in ()).throw(SystemExit(7)), "stays": lambda _: {}},
    )
    assert result.artifacts["a"].error == "SystemExit: 7"
    assert result.artifacts["b"].success


def test_cancelling_closes_the_run_and_raises_cancelled_error() -> None:
    started = threading.Event()
    released = threading.Event()

    def hang(_properties: Mapping[str, Any]) -> dict[str, Any]:
        started.set()
        released.wait(30)
        return {}

    async def cancel_once_it_runs() -> None:
        registry = registry_of(InMemoryArtifactStore(), connectors={"hang": hang})
        running = asyncio.create_task(DAGExecutor(registry).execute(plan_of({"a": {"source": {"type": "hang"}}})))
        await asyncio.to_thread(started.wait, 10)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_once_it_runs())
    released.set()


def test_the_value_of_a_variable_is_replaced_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(properties: Mapping[str, Any]) -> dict[str, Any]:
        if properties.get("raise"):
            raise RuntimeError(f"cannot log in with {properties['password']}")
        return {"url": f"db://me:{properties['password']}@host"}

    monkeypatch.setenv("SHOP_PASSWORD", "correct-horse-battery")
    artifacts = {
        "fails": {"source": {"type": "leak", "properties": {"password": "${SHOP_PASSWORD}", "raise": True}}},
        "tells": {"source": {"type": "leak", "properties": {"password": "${SHOP_PASSWORD}"}}},
    }
    plan = plan_of(artifacts)
    object.__setattr__(plan, "variables", frozenset({"SHOP_PASSWORD"}))
    result = execute(plan, connectors={"leak": leak})
    assert result.artifacts["fails"].error == "RuntimeError: cannot log in with ${SHOP_PASSWORD}"
    message = result.artifacts["tells"].message
    assert message is not None
    assert message.content == {"url": "db://me:${SHOP_PASSWORD}@host"}


def test_a_task_can_be_pickled_and_holds_no_values_of_variables() -> None:
    plan = plan_of(
        {
            "a": {"source": {"type": "read", "properties": {"password": "${SHOP_PASSWORD}"}}},
            "b": {"inputs": "a", "process": {"type": "analyse"}},
        }
    )
    for artifact_id in ("a", "b"):
        task = ArtifactTask.of(plan, artifact_id)
        assert pickle.loads(pickle.dumps(task)) == task
    assert ArtifactTask.of(plan, "a").properties == {"password": "${SHOP_PASSWORD}"}


def test_artifacts_run_in_the_given_executor() -> None:
    threads: list[str] = []

    def named_threads(number: int) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(number, thread_name_prefix="custom-pool")

    def make(_properties: Mapping[str, Any]) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return {}

    registry = registry_of(InMemoryArtifactStore(), connectors={"make": make})
    asyncio.run(DAGExecutor(registry, executor_factory=named_threads).execute(plan_of_dag({"a": []})))
    assert threads[0].startswith("custom-pool")
