"""The state of an execution, step by step."""

from collections.abc import Mapping, Sequence

import pytest

from waivern.plans.dag import ExecutionDAG
from waivern.runs.execution_state import ExecutionState
from waivern.runs.result import ArtifactResult
from waivern.runs.run import SkipReason
from waivern.testing.builders import plan_of_dag

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}


def dag_of(dag: Mapping[str, Sequence[str]]) -> ExecutionDAG:
    return plan_of_dag(dag).dag


@pytest.fixture
def state() -> ExecutionState:
    return ExecutionState(dag_of(DIAMOND))


def succeeded(name: str) -> ArtifactResult:
    return ArtifactResult(name, success=True)


def failed(name: str) -> ArtifactResult:
    return ArtifactResult(name, success=False, error="fails")


def test_artifacts_are_ready_in_the_order_in_which_their_inputs_succeeded(state: ExecutionState) -> None:
    assert (state.is_unfinished, state.running) == (True, 0)
    assert state.pop_ready(limit=1) == ["a"]
    assert state.running == 1
    assert state.pop_ready(limit=5) == ["e"]
    assert state.pop_ready(limit=5) == []
    assert (state.is_unfinished, state.running) == (True, 2)
    assert state.record(succeeded("a")) == []
    assert state.record(succeeded("e")) == []
    assert state.pop_ready(limit=5) == ["b", "c"]
    state.record(succeeded("c"))
    assert state.pop_ready(limit=5) == []
    state.record(succeeded("b"))
    assert state.pop_ready(limit=5) == ["d"]
    assert (state.is_unfinished, state.running) == (True, 1)
    state.record(succeeded("d"))
    assert (state.is_unfinished, state.running) == (False, 0)
    assert list(state.results) == ["a", "e", "c", "b", "d"]


def test_a_failure_skips_its_dependents_in_the_plans_order_and_names_itself(state: ExecutionState) -> None:
    state.pop_ready(limit=2)
    assert state.record(failed("a")) == ["b", "c", "d"]
    assert state.skipped == dict.fromkeys("bcd", SkipReason.DEPENDENCY_FAILED)
    assert state.skipped_because == dict.fromkeys("bcd", "a")
    assert state.pop_ready(limit=5) == []
    state.record(succeeded("e"))
    assert not state.is_unfinished


def test_an_artifact_that_is_skipped_already_keeps_its_first_cause() -> None:
    state = ExecutionState(dag_of({"a": [], "b": [], "c": ["a", "b"], "d": ["c"], "e": ["b"]}))
    state.pop_ready(limit=2)
    assert state.record(failed("a")) == ["c", "d"]
    assert state.record(failed("b")) == ["e"]
    assert state.skipped_because == {"c": "a", "d": "a", "e": "b"}
    assert not state.is_unfinished


def test_a_deferred_artifact_runs_no_more_until_it_is_queued_again(state: ExecutionState) -> None:
    state.pop_ready(limit=2)
    state.record(succeeded("e"))
    state.defer("a")
    assert (state.is_unfinished, state.running, state.pop_ready(limit=5)) == (True, 0, [])
    state.requeue("a")
    assert (state.is_unfinished, state.running, state.pop_ready(limit=5)) == (True, 0, ["a"])
    state.record(failed("a"))
    assert not state.is_unfinished


def test_what_an_earlier_attempt_has_produced_counts_as_succeeded_from_the_start() -> None:
    state = ExecutionState(dag_of(DIAMOND), ["a", "b"])
    assert state.results == {"a": succeeded("a"), "b": succeeded("b")}
    assert state.pop_ready(limit=5) == ["e", "c"]


@pytest.mark.parametrize("reason", [SkipReason.TIMEOUT, SkipReason.CANCELLED])
def test_all_that_has_not_ended_is_skipped_with_the_reason(reason: SkipReason) -> None:
    state = ExecutionState(dag_of({"done": [], "fails": [], "after": ["fails"], "runs": [], "waits": [], "new": []}))
    state.pop_ready(limit=4)
    state.record(succeeded("done"))
    state.record(failed("fails"))
    state.defer("waits")
    assert state.skip_unfinished(reason) == ["runs", "waits", "new"]
    assert state.skipped == {
        "after": SkipReason.DEPENDENCY_FAILED,
        **dict.fromkeys(("runs", "waits", "new"), reason),
    }
    assert (state.is_unfinished, state.running, state.pop_ready(limit=5)) == (False, 0, [])
    assert state.skip_unfinished(reason) == []


def test_an_artifact_that_was_saved_after_all_is_no_longer_skipped(state: ExecutionState) -> None:
    state.skip_unfinished(SkipReason.TIMEOUT)
    state.record_late_success(succeeded("e"))
    assert state.results == {"e": succeeded("e")}
    assert set(state.skipped) == {"a", "b", "c", "d"}
    state.record_late_success(succeeded("e"))
    assert set(state.skipped) == {"a", "b", "c", "d"}
