import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from tests.plans.fake_components import FakeFactory, analyser, connector, derived, registry, runbook, source
from waivern.messages.schema import Schema
from waivern.plans.cycles import find_cycles, topological_order
from waivern.plans.dag import ExecutionDAG
from waivern.plans.planner import Planner
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, SourceConfig

ONE = Schema("one", "1.0.0")
SOURCE = ArtifactDefinition(source=SourceConfig(type="x"))


@st.composite
def inputs_of_dags(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Acyclic artifacts in any order of writing, by name the names of their inputs."""
    size = draw(st.integers(1, 12))
    inputs = {}
    for at in range(size):
        before = draw(st.lists(st.sampled_from(range(at)), unique=True, max_size=4)) if at else []
        inputs[f"a{at}"] = tuple(f"a{index}" for index in before)
    return dict(draw(st.permutations(sorted(inputs.items()))))


@st.composite
def inputs_of_graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    names = [f"a{at}" for at in range(draw(st.integers(1, 8)))]
    return {name: tuple(draw(st.lists(st.sampled_from(names), unique=True, max_size=2))) for name in names}


def definitions(inputs: dict[str, tuple[str, ...]]) -> dict[str, ArtifactDefinition]:
    return {name: ArtifactDefinition(inputs=needed) if needed else SOURCE for name, needed in inputs.items()}


def closure(inputs: dict[str, tuple[str, ...]], name: str) -> set[str]:
    after: set[str] = set()
    while True:
        more = {node for node, needed in inputs.items() if {name, *after} & set(needed)} - after
        if not more:
            return after
        after |= more


@given(inputs_of_dags())
def test_an_artifact_comes_after_all_its_inputs(inputs):
    sorter = ExecutionDAG(definitions(inputs)).get_sorter()
    done: list[str] = []
    while sorter.is_active():
        for ready in sorter.get_ready():
            assert set(inputs[ready]) <= set(done)
            done.append(ready)
            sorter.done(ready)
    assert sorted(done) == sorted(inputs)


@given(inputs_of_dags())
def test_everything_after_is_the_transitive_closure_of_the_dependents(inputs):
    dag = ExecutionDAG(definitions(inputs))
    for name in inputs:
        assert dag.everything_after(name) == closure(inputs, name)
        assert set(dag.get_dependents(name)) == {node for node, needed in inputs.items() if name in needed}


@given(inputs_of_graphs())
def test_unordered_artifacts_depend_on_a_cycle_and_each_reported_cycle_is_one(inputs):
    artifacts = definitions(inputs)
    order = topological_order(artifacts)
    in_cycles = {name for name in inputs if name in closure(inputs, name)}
    unordered = set(inputs) - set(order)
    assert unordered == in_cycles | {node for name in in_cycles for node in closure(inputs, name)}
    found = find_cycles(artifacts)
    assert bool(found) == bool(in_cycles)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(needed in inputs[name] for name, needed in itertools.pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1


@settings(max_examples=examples(50))
@given(inputs_of_dags())
def test_every_dag_is_planned_and_the_plan_has_its_edges(inputs):
    components = registry()
    components.connector_factories["files"] = FakeFactory(connector(ONE))
    components.analyser_factories["pass"] = FakeFactory(analyser([[ONE]], ONE))
    artifacts = {name: derived(*needed, by="pass") if needed else source() for name, needed in inputs.items()}
    plan = Planner(components, environment={}).plan_from_dict(runbook(artifacts))
    assert {name: plan.dag.get_inputs(name) for name in plan.runbook.artifacts} == inputs
    assert plan.artifact_schemas == {name: ([ONE] if needed else None, ONE) for name, needed in inputs.items()}
