import pytest

from tests.builders.counting import times_the_steps
from waivern.messages.schema import Schema
from waivern.plans.dag import ExecutionDAG
from waivern.plans.plan import ExecutionPlan, kind_and_component
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, ProcessConfig, ReuseConfig, SourceConfig
from waivern.runbooks.model.runbook import Runbook

SOURCE = ArtifactDefinition(source=SourceConfig(type="x"))


def made_from(*inputs: str) -> ArtifactDefinition:
    return ArtifactDefinition(inputs=inputs)


def test_a_plan_can_be_created_without_a_planner():
    runbook = Runbook(name="n", description="d", artifacts={"a": SOURCE})
    plan = ExecutionPlan(runbook, ExecutionDAG(runbook.artifacts), {"a": (None, Schema("x", "1.0.0"))})
    assert plan.aliases == {}
    assert plan.variables == frozenset()
    other = runbook.model_copy(update={"name": "m"})
    assert plan.digest != ExecutionPlan(other, plan.dag, plan.artifact_schemas).digest


def test_a_plan_created_by_hand_has_a_digest_for_any_properties():
    odd = ArtifactDefinition(source=SourceConfig(type="x", properties={"callback": print, "items": {1, 2}}))
    runbook = Runbook(name="n", description="d", artifacts={"a": odd})
    assert len(ExecutionPlan(runbook, ExecutionDAG(runbook.artifacts), {}).digest) == 64


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (SOURCE, ("source", "x")),
        (ArtifactDefinition(inputs=("a",), process=ProcessConfig(type="y")), ("process", "y")),
        (ArtifactDefinition(reuse=ReuseConfig(from_run="latest", artifact="a")), ("reuse", "latest/a")),
        (made_from("a"), ("merge", "concatenate")),
        (ArtifactDefinition.model_construct(), ("default", "input")),
    ],
)
def test_each_kind_of_artifact_names_what_produces_it(definition: ArtifactDefinition, expected: tuple[str, str]):
    assert kind_and_component(definition) == expected


def test_artifacts_keep_the_order_of_the_runbook():
    dag = ExecutionDAG({"c": made_from("a", "b"), "b": SOURCE, "a": SOURCE, "d": made_from("a")})
    assert dag.get_sorter().get_ready() == ("b", "a")
    assert dag.get_dependents("a") == ("c", "d")
    assert dag.get_inputs("c") == ("a", "b")


def test_each_call_returns_a_new_sorter():
    dag = ExecutionDAG({"a": SOURCE})
    assert dag.get_sorter().get_ready() == dag.get_sorter().get_ready() == ("a",)


def test_an_unknown_input_is_refused():
    with pytest.raises(ValueError, match="'a' has the input 'b', which is not among the artifacts"):
        ExecutionDAG({"a": made_from("b")})


def test_a_long_chain_is_walked_without_recursion_in_linear_time():
    assert len(walked_chain(20_000).everything_after("a0")) == 19_999
    assert times_the_steps(lambda length: walked_chain(length).everything_after("a0"), 500) < 5


def walked_chain(length: int) -> ExecutionDAG:
    dag = ExecutionDAG({"a0": SOURCE} | {f"a{at}": made_from(f"a{at - 1}") for at in range(1, length)})
    sorter = dag.get_sorter()
    while sorter.is_active():
        sorter.done(*sorter.get_ready())
    return dag
