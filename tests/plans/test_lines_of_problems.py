"""Each problem of a family of runbooks names the file, the line and the key of its cause."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.plans.fake_components import registry
from waivern.errors import PlanError
from waivern.plans.planner import Planner

MAIN = """\
name: Main
description: d
artifacts:
  customers:
    source:
      type: files
  child:
    inputs:
      customers
    child_runbook:
      path: ./child.yaml
      input_mapping:
        data: customers
      output: findings
    output: true
"""
CHILD = """\
name: Child
description: d
inputs:
  data:
    input_schema: standard_input/1.0.0
  more:
    input_schema: standard_input/1.0.0
    optional: true
outputs:
  findings:
    artifact: analysis
artifacts:
  analysis:
    inputs: data
    process:
      type: scan
"""
PROBLEM = re.compile(r"^(?:[^:]*/)?(\w+\.yaml)[:, ]+(?:line )?(\d+)[:, ]+(.*)$", re.DOTALL)


def problems_of(folder: Path, main: str, child: str = "", *, components: Any = None) -> list[tuple[str, str, str]]:
    """Return the file, the text of the line and the message of each problem."""
    texts = {"main.yaml": main, "child.yaml": child}
    for name, text in texts.items():
        (folder / name).write_text(text)
    with pytest.raises(PlanError) as caught:
        Planner(components or registry(), environment={}).plan(folder / "main.yaml")
    found = []
    for problem in caught.value.problems:
        match = PROBLEM.match(problem)
        assert match is not None, problem
        file, line, message = match.groups()
        found.append((file, texts[file].splitlines()[int(line) - 1].strip(), message))
    return found


_MAPPED = MAIN[MAIN.index("    inputs:") : MAIN.index("      output:")]
IN_CHILD, IN_MAPPING = "artifacts.child.child_runbook: ", "artifacts.child.child_runbook.input_mapping: "


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "data: customers",
            "dat: customers",
            [
                ("dat: customers", f"{IN_MAPPING}the child runbook has no input 'dat'. Did you mean 'data'?"),
                ("input_mapping:", f"{IN_MAPPING}the child runbook's input 'data' is not mapped"),
            ],
        ),
        (
            "data: customers",
            "data: customers\n        qqqqqqq: customers",
            [("qqqqqqq: customers", f"{IN_MAPPING}the child runbook has no input 'qqqqqqq'. It has: data, more")],
        ),
        (
            "output: findings",
            "output: finding",
            [("output: finding", f"{IN_CHILD}the child runbook has no output 'finding'. Did you mean 'findings'?")],
        ),
        (
            "output: findings",
            "output_mapping:\n        finding: found",
            [
                (
                    "finding: found",
                    (
                        "artifacts.child.child_runbook.output_mapping: the child runbook has no output 'finding'."
                        " Did you mean 'findings'?"
                    ),
                )
            ],
        ),
        (
            "data: customers",
            "data: customers\n        more: child",
            [
                (
                    "more: child",
                    f"{IN_MAPPING}'child' is not among the artifact's inputs: add it there, or remove inputs",
                ),
                (
                    "more: child",
                    (
                        f"{IN_MAPPING}the child runbook's input 'more' requires standard_input/1.0.0, but"
                        " 'child/analysis' is findings/1.0.0"
                    ),
                ),
            ],
        ),
        (
            "      customers\n",
            "      [customers, other]\n",
            [
                (
                    "inputs:",
                    (
                        "artifacts.child.inputs: 'other' is not mapped to an input of the child runbook: add it to"
                        " input_mapping"
                    ),
                )
            ],
        ),
        (
            _MAPPED,
            _MAPPED.removeprefix("    inputs:\n      customers\n").replace("customers", "customer"),
            [("data: customer", f"{IN_MAPPING}there is no artifact 'customer'. Did you mean 'customers'?")],
        ),
    ],
)
def test_a_problem_of_a_mapping_is_at_its_line_of_the_parent(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    found = problems_of(tmp_path, MAIN.replace(old, new), CHILD)
    assert found == [("main.yaml", line, message) for line, message in expected]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "optional: true",
            "optional: true\n    default: {name: x}",
            "default: {name: x}",
            "inputs.more: The message does not match the schema standard_input/1.0.0: the content:",
        ),
        (
            "artifact: analysis",
            "artifact: analyses",
            "artifact: analyses",
            "outputs.findings.artifact: there is no artifact 'analyses'. Did you mean 'analysis'?",
        ),
        (
            "artifacts:\n",
            "artifacts:\n  other:\n    source:\n      type: files\n",
            "source:",
            "artifacts.other.source: a child runbook with inputs must not have a source",
        ),
        (
            "inputs: data",
            "inputs: date",
            "inputs: date",
            "artifacts.analysis.inputs: there is no artifact 'date'. Did you mean 'data'?",
        ),
        (
            "type: scan",
            "type: scam",
            "type: scam",
            "artifacts.analysis.process: There is no analyser named 'scam'. Did you mean 'scan'?",
        ),
        (
            "type: scan",
            "type: scan\n      properties:\n        bad: 1",
            "bad: 1",
            "artifacts.analysis.process.properties.bad: is not known (given: 1)",
        ),
    ],
)
def test_a_problem_of_a_child_runbook_is_at_its_line_of_the_child(
    tmp_path: Path, old: str, new: str, line: str, message: str
) -> None:
    (found,) = problems_of(tmp_path, MAIN, CHILD.replace(old, new))
    assert found[:2] == ("child.yaml", line)
    assert found[2].startswith(message)


def test_a_required_input_of_the_main_runbook_is_at_its_line(tmp_path: Path) -> None:
    (found,) = problems_of(tmp_path, CHILD, CHILD)
    message = "inputs.data: this input is required, so the runbook can only run as a child runbook"
    assert found == ("main.yaml", "data:", message)


def test_an_input_with_a_schema_other_than_the_mapped_artifacts_is_at_the_line_of_the_mapping(tmp_path: Path) -> None:
    (found,) = problems_of(tmp_path, MAIN, CHILD.replace("standard_input/1.0.0", "standard_inputs/1.0.0", 1))
    expected = f"{IN_MAPPING}the child runbook's input 'data' requires standard_inputs/1.0.0, but 'customers' is"
    assert found[:2] == ("main.yaml", "data: customers")
    assert found[2].startswith(expected)


def test_a_required_input_that_is_mapped_to_an_optional_one_without_value_is_at_the_line_of_the_mapping(
    tmp_path: Path,
) -> None:
    main = MAIN.replace(
        "artifacts:\n", "inputs:\n  given:\n    input_schema: standard_input/1.0.0\n    optional: true\nartifacts:\n"
    )
    main = main.replace("    inputs:\n      customers\n", "").replace("data: customers", "data: given")
    message = f"{IN_MAPPING}the child runbook requires 'data', but 'given' is an optional input without a value"
    assert ("main.yaml", "data: given", message) in problems_of(tmp_path, main, CHILD)
