"""Properties of the executor on every DAG, in simulated time."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.dags import Dag, dags, everything_after
from tests.builders.simulation import SimulatedWorkers, ideal_makespan, simulated
from waivern import DAGExecutor, ExecutionResult, InMemoryArtifactStore
from waivern.runs.run import RunStatus, SkipReason
from waivern.testing.builders import plan_of_dag, registry_of


class Simulation:
    """One simulated execution of a DAG, with its observations."""

    def __init__(
        self,
        dag: Dag,
        *,
        durations: Mapping[str, float] | None = None,
        failing: frozenset[str] = frozenset(),
        workers: int = 3,
        timeout: float | None = None,
    ) -> None:
        self.dag = dag
        self.store = InMemoryArtifactStore()
        self.failing = failing
        self.started_without_inputs: list[str] = []
        self.workers = SimulatedWorkers(durations or dict.fromkeys(dag, 1.0), self._check_inputs_saved)
        registry = registry_of(self.store, connectors={"make": self._make}, analysers={"make": self._make})
        executor = DAGExecutor(registry, executor_factory=lambda _number: self.workers)
        plan = plan_of_dag(dag, max_concurrency=workers, timeout=timeout)
        self.result: ExecutionResult = simulated(lambda: executor.execute(plan))

    def _check_inputs_saved(self, artifact_id: str, _now: float) -> None:
        if not all(self.store.exists(needed) for needed in self.dag[artifact_id]):
            self.started_without_inputs.append(artifact_id)

    def _make(self, properties: Mapping[str, Any], _inputs: Sequence[Any] = ()) -> dict[str, Any]:
        if properties["name"] in self.failing:
            raise RuntimeError("fails")
        return {"data": [properties["name"]]}


@st.composite
def dags_with_failures(draw: st.DrawFn) -> tuple[Dag, frozenset[str]]:
    dag = draw(dags())
    return dag, draw(st.frozensets(st.sampled_from(sorted(dag)), max_size=4))


@st.composite
def dags_with_durations(draw: st.DrawFn) -> tuple[Dag, dict[str, float]]:
    dag = draw(dags())
    seconds = st.integers(1, 3600).map(float)
    return dag, {name: draw(seconds) for name in dag}


@given(dags_with_failures())
def test_each_artifact_ends_in_exactly_one_state(given_: tuple[Dag, frozenset[str]]) -> None:
    dag, failing = given_
    result = Simulation(dag, failing=failing).result
    assert set(result.artifacts) | result.skipped == set(dag)
    assert not set(result.artifacts) & result.skipped
    assert set(result.skip_reasons) == result.skipped


@given(dags_with_failures())
def test_a_failure_skips_exactly_its_dependents(given_: tuple[Dag, frozenset[str]]) -> None:
    dag, failing = given_
    result = Simulation(dag, failing=failing).result
    failed = {name for name, artifact in result.artifacts.items() if not artifact.success}
    assert result.skipped == set().union(*(everything_after(dag, name) for name in failing))
    assert failed == failing - result.skipped
    assert all(result.skipped_because[name] in failed for name in result.skipped)
    assert all(name in everything_after(dag, result.skipped_because[name]) for name in result.skipped)
    assert (result.status is RunStatus.FAILED) == bool(failed)


@given(dags(), st.integers(1, 5))
def test_the_concurrency_limit_is_never_exceeded(dag: Dag, workers: int) -> None:
    assert Simulation(dag, workers=workers).workers.most_busy <= workers


@given(dags_with_durations())
def test_no_artifact_starts_before_its_inputs_are_saved(given_: tuple[Dag, dict[str, float]]) -> None:
    dag, durations = given_
    assert not Simulation(dag, durations=durations).started_without_inputs


@given(dags_with_durations(), st.integers(1, 4))
def test_no_worker_idles_while_an_artifact_is_ready(given_: tuple[Dag, dict[str, float]], workers: int) -> None:
    dag, durations = given_
    took = Simulation(dag, durations=durations, workers=workers).result.total_duration_seconds
    assert took <= 1.1 * ideal_makespan(dag, durations, workers)


@given(dags_with_durations(), st.integers(1, 7200))
def test_a_deadline_skips_exactly_the_unfinished_artifacts(given_: tuple[Dag, dict[str, float]], timeout: int) -> None:
    dag, durations = given_
    simulation = Simulation(dag, durations=durations, timeout=timeout + 0.5)
    result = simulation.result
    assert set(simulation.store.list_artifacts()) == set(result.artifacts)
    assert result.skipped == set(dag) - set(result.artifacts)
    assert set(result.skip_reasons.values()) <= {SkipReason.TIMEOUT}
    assert (result.status is RunStatus.TIMED_OUT) == bool(result.skipped)
    assert result.total_duration_seconds <= timeout + 0.5 + 1e-6


@settings(max_examples=20)
@given(dags(most=40))
def test_every_artifact_of_a_valid_dag_succeeds(dag: Dag) -> None:
    simulation = Simulation(dag, workers=4)
    assert simulation.result.status is RunStatus.SUCCEEDED
    assert set(simulation.store.list_artifacts()) == set(dag)
