import dataclasses

from tests.builders.counting import times_the_steps
from tests.plans.fake_components import derived, plan_of, source
from waivern.operations.catalogue.describe_plan import describe_plan
from waivern.plans.plan import ExecutionPlan


def test_each_artifact_is_described_with_its_aliases():
    plan = dataclasses.replace(plan_of({"a": source(), "b": derived("a")}), aliases={"x": "b", "y": "a", "z": "b"})
    aliases = {artifact.artifact_id: artifact.aliases for artifact in describe_plan(plan).artifacts}
    assert aliases == {"a": ("y",), "b": ("x", "z")}


def test_describing_a_plan_takes_linear_time():
    plans = {number: named_each(number) for number in (1, 200, 800)}
    assert describe_plan(plans[800]).artifacts[799].aliases == ("x799",)
    assert times_the_steps(lambda number: describe_plan(plans[number]), 200) < 5


def named_each(number: int) -> ExecutionPlan:
    plan = plan_of({f"a{at}": source() for at in range(number)})
    return dataclasses.replace(plan, aliases={f"x{at}": f"a{at}" for at in range(number)})
