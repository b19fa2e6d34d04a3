"""What child runbooks become in a plan: their artifacts, the defaults of their inputs, and what is inherited."""

from pathlib import Path

import pytest

from tests.plans.fake_components import CODE, TEXT, registry
from waivern.errors import PlanError
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner

MAIN = """\
name: Main
description: d
artifacts:
  customers: {source: {type: both}}
  child:
    child_runbook: {path: child.yaml, input_mapping: {data: customers}, output: raw}
"""
CHILD = """\
name: Child
description: d
inputs:
  data: {input_schema: standard_input/1.0.0}
  more: {input_schema: standard_input/1.0.0, optional: true}
outputs: {raw: {artifact: copy}}
artifacts:
  copy: {inputs: [data, more]}
"""
DEFAULT = "{schemaVersion: 1.0.0, name: none, source: nowhere, data: []}"
WITH_DEFAULT = CHILD.replace("optional: true", f"optional: true, default: {DEFAULT}")
BOTH_MAPPED = MAIN.replace("{data: customers}", "{data: customers, more: others}").replace(
    "  child:", "  others: {source: {type: files}}\n  child:"
)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write main.yaml and child.yaml into the working directory, and plan main.yaml."""
    monkeypatch.chdir(tmp_path)

    def plan(main: str, child: str) -> ExecutionPlan:
        Path("main.yaml").write_text(main)
        Path("child.yaml").write_text(child)
        return Planner(registry(), environment={}).plan(Path("main.yaml"))

    return plan


@pytest.mark.parametrize(
    ("main", "child", "inputs"),
    [
        (MAIN, CHILD, ("customers",)),
        (MAIN, WITH_DEFAULT, ("customers", "child/more")),
        (BOTH_MAPPED, CHILD, ("customers", "others")),
        (BOTH_MAPPED, WITH_DEFAULT, ("customers", "others")),
    ],
)
def test_only_an_unmapped_input_with_a_default_becomes_an_artifact(plan, main, child, inputs):
    planned = plan(main, child)
    assert planned.runbook.artifacts["child/copy"].inputs == inputs
    assert set(planned.runbook.artifacts) == {"customers", "child/copy", *inputs}
    assert list(planned.defaults) == [name for name in inputs if name == "child/more"]


@pytest.mark.parametrize(
    ("main", "child", "retain"),
    [
        (MAIN, WITH_DEFAULT, None),
        (MAIN.replace("artifacts:", "retain: none\nartifacts:"), WITH_DEFAULT, "none"),
        (MAIN, WITH_DEFAULT.replace("artifacts:", "retain: until_success\nartifacts:"), "until_success"),
    ],
)
def test_the_default_of_an_input_inherits_how_long_it_is_retained(plan, main, child, retain):
    assert plan(main, child).runbook.artifacts["child/more"].retain == retain


@pytest.mark.parametrize(("required", "schema"), [("standard_input/1.0.0", TEXT), ("source_code/1.0.0", CODE)])
def test_an_artifact_has_the_schema_that_the_child_runbooks_input_requires(plan, required, schema):
    child = CHILD.replace("data: {input_schema: standard_input/1.0.0}", f"data: {{input_schema: {required}}}")
    assert plan(MAIN, child).artifact_schemas["child/copy"] == ([schema], schema)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name: Child", "name: [Child]"), "child.yaml:1: name: must be a text, not a list"),
        (
            ("data: {", "dat: {"),
            "child.yaml:8: artifacts.copy.inputs: there is no artifact 'data'. Did you mean 'dat'?",
        ),
        (("name: Child", "name: [Child"), "main.yaml:6: artifacts.child.child_runbook: child.yaml:"),
    ],
)
def test_a_problem_of_a_child_runbook_shows_its_path_as_the_main_runbooks_path_is_given(plan, change, message):
    with pytest.raises(PlanError) as caught:
        plan(MAIN, CHILD.replace(*change))
    assert any(problem.startswith(message) for problem in caught.value.problems), caught.value.problems


def test_a_misspelt_key_of_a_child_runbook_hides_none_of_its_other_problems(plan):
    with pytest.raises(PlanError) as caught:
        plan(MAIN, CHILD.replace("description", "descripton").replace("[data, more]", "[data, mroe]"))
    assert caught.value.problems == (
        "child.yaml:2: 'descripton' is not known. Did you mean 'description'?",
        "child.yaml:8: artifacts.copy.inputs: there is no artifact 'mroe'. Did you mean 'more'?",
    )
