import dataclasses
import time

from tests.unit.plans.planning import derived, plan_of, source
from waivern.operations.describe_plan import describe_plan


def test_each_artifact_is_told_with_the_names_it_goes_by():
    plan = dataclasses.replace(plan_of({"a": source(), "b": derived("a")}), aliases={"x": "b", "y": "a", "z": "b"})
    told = {each.artifact_id: each.aliases for each in describe_plan(plan).artifacts}
    assert told == {"a": ("y",), "b": ("x", "z")}


def test_thousands_of_artifacts_with_names_of_their_own_are_described_in_time():
    plan = plan_of({f"a{at}": source() for at in range(6_000)})
    plan = dataclasses.replace(plan, aliases={f"x{at}": f"a{at}" for at in range(6_000)})
    started = time.process_time()
    assert describe_plan(plan).artifacts[5_999].aliases == ("x5999",)
    assert time.process_time() - started < 3
