from pathlib import Path

import pytest

from tests.builders.counting import steps_of
from tests.plans.fake_components import FINDINGS, TEXT, registry
from waivern.errors import PlanError, WaivernError
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner

MAIN = """name: Main
description: d
artifacts:
  customers: {source: {type: files}}
  child:
    inputs: customers
    child_runbook: {path: ./child.yaml, input_mapping: {data: customers}, output: findings}
    output: true
  after: {inputs: child, process: {type: compare}}
"""
CHILD = """name: Child
description: d
inputs: {data: {input_schema: standard_input/1.0.0}}
outputs: {findings: {artifact: analysis}, raw: {artifact: copy}}
artifacts:
  copy: {inputs: data}
  analysis: {inputs: copy, process: {type: scan}}
"""


@pytest.fixture
def plan(tmp_path: Path):
    """Write files and plan main.yaml."""

    def plan(**files: str) -> ExecutionPlan:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Planner(registry(), environment={}).plan(tmp_path / "main.yaml")

    return plan


@pytest.fixture
def problems(plan, tmp_path):
    def problems(**files: str) -> list[str]:
        with pytest.raises(PlanError) as caught:
            plan(**files)
        return [
            problem.replace(f"{tmp_path}/", "").replace(str(tmp_path), "FOLDER") for problem in caught.value.problems
        ]

    return problems


def test_a_child_runbook_is_inlined(plan, tmp_path):
    planned = plan(main=MAIN, child=CHILD)
    artifacts = planned.runbook.artifacts
    assert list(artifacts) == ["customers", "child/copy", "child/analysis", "after"]
    assert artifacts["child/copy"].inputs == ("customers",)
    assert artifacts["after"].inputs == ("child/analysis",)
    assert planned.aliases == {"child": "child/analysis"}
    assert planned.artifact_schemas["child/analysis"] == ([TEXT], FINDINGS)
    assert [artifact_id for artifact_id, artifact in artifacts.items() if artifact.output] == ["child/analysis"]
    assert planned.sources == {"main.yaml": MAIN, "child.yaml": CHILD}
    assert set(planned.folders.values()) == {tmp_path}


def test_the_digest_changes_with_a_childs_text(plan):
    before = plan(main=MAIN, child=CHILD).digest
    assert plan(main=MAIN, child=CHILD).digest == before
    assert plan(main=MAIN, child=CHILD + "# changed\n").digest != before


def test_outputs_can_be_mapped_to_new_names(plan):
    mapped = MAIN.replace("output: findings", "output_mapping: {findings: found, raw: kept}").replace(
        "inputs: child,", "inputs: found,"
    )
    planned = plan(main=mapped, child=CHILD)
    assert planned.aliases == {"found": "child/analysis", "kept": "child/copy"}
    assert planned.runbook.artifacts["after"].inputs == ("child/analysis",)
    assert [artifact_id for artifact_id, artifact in planned.runbook.artifacts.items() if artifact.output] == [
        "child/copy",
        "child/analysis",
    ]


def test_an_optional_parent_makes_all_inlined_artifacts_optional(plan):
    planned = plan(main=MAIN.replace("output: true", "optional: true"), child=CHILD)
    assert [artifact.optional for artifact in planned.runbook.artifacts.values()] == [False, True, True, False]


OUTER = CHILD.replace(
    "analysis: {inputs: copy, process: {type: scan}}",
    "analysis: {child_runbook: {path: inner.yaml, input_mapping: {data: copy}, output: findings}}",
)


def test_a_nested_child_is_searched_in_the_folder_of_its_parent(plan, tmp_path):
    planned = plan(main=MAIN.replace("./child.yaml", "sub/outer.yaml"), sub__outer=OUTER, sub__inner=CHILD)
    assert list(planned.runbook.artifacts) == [
        "customers",
        "child/copy",
        "child/analysis/copy",
        "child/analysis/analysis",
        "after",
    ]
    assert planned.aliases == {"child": "child/analysis/analysis", "child/analysis": "child/analysis/analysis"}
    assert list(planned.sources) == ["main.yaml", "sub/outer.yaml", "sub/inner.yaml"]
    assert planned.folders["child/analysis/copy"] == tmp_path / "sub"


def test_the_same_child_can_be_used_twice(plan):
    twice = MAIN + "  again:\n    child_runbook: {path: child.yaml, input_mapping: {data: customers}, output: raw}\n"
    planned = plan(main=twice, child=CHILD)
    assert planned.aliases == {"child": "child/analysis", "again": "again/copy"}
    assert planned.runbook.artifacts["again/copy"].inputs == ("customers",)


def test_gates_of_a_child_give_a_warning(plan, tmp_path):
    twice = MAIN + "  again:\n    child_runbook: {path: child.yaml, input_mapping: {data: customers}, output: raw}\n"
    planned = plan(main=twice + "gates: [new]\n", child=CHILD + "gates: any:high\n")
    assert planned.runbook.gates == ("new",)
    (warning,) = planned.warnings
    message = "gates of a child runbook have no effect: move them to 'Main', whose gates check all findings"
    assert warning == f"{tmp_path}/child.yaml:8: gates: {message}"
    assert plan(main=MAIN + "gates: [new]\n", child=CHILD).warnings == ()


def test_a_childs_output_can_be_mapped_to_another_childs_input(plan):
    chained = MAIN + "  next:\n    child_runbook: {path: second.yaml, input_mapping: {found: child}, output: all}\n"
    second = "\n".join(
        [
            "name: Second\ndescription: d\ninputs: {found: {input_schema: findings/1.0.0}}",
            "outputs: {all: {artifact: merged}}\nartifacts: {merged: {inputs: found}}",
        ]
    )
    assert plan(main=chained, child=CHILD, second=second).runbook.artifacts["next/merged"].inputs == ("child/analysis",)


def test_a_child_without_inputs_may_have_sources(plan):
    alone = "name: c\ndescription: d\noutputs: {o: {artifact: s}}\nartifacts: {s: {source: {type: files}}}"
    main = "name: n\ndescription: d\nartifacts: {c: {child_runbook: {path: alone.yaml, output: o}}}"
    assert list(plan(main=main, alone=alone).runbook.artifacts) == ["c/s"]


def test_an_unmapped_optional_input_is_removed_from_a_fan_in(plan):
    child = CHILD.replace("inputs: {data", "inputs: {more: {input_schema: standard_input/1.0.0, optional: true}, data")
    child = child.replace("copy: {inputs: data}", "copy: {inputs: [more, data]}")
    assert plan(main=MAIN, child=child).runbook.artifacts["child/copy"].inputs == ("customers",)


def test_an_unmapped_optional_input_uses_its_default(plan):
    default = "{schemaVersion: 1.0.0, name: none, source: nowhere, data: []}"
    child = CHILD.replace("1.0.0}}", f"1.0.0}}, more: {{input_schema: standard_input/1.0.0, default: {default}}}}}")
    child = child.replace("copy: {inputs: data}", "copy: {inputs: [data, more]}")
    planned = plan(main=MAIN, child=child.replace("default:", "optional: true, default:"))
    assert planned.runbook.artifacts["child/copy"].inputs == ("customers", "child/more")
    assert planned.artifact_schemas["child/more"] == (None, TEXT)
    assert planned.defaults == {
        "child/more": {"schemaVersion": "1.0.0", "name": "none", "source": "nowhere", "data": []}
    }


def test_an_artifact_without_any_mapped_input_is_a_problem(problems):
    child = CHILD.replace("inputs: {data", "inputs: {more: {input_schema: standard_input/1.0.0, optional: true}, data")
    found = problems(main=MAIN, child=child + "  lonely: {inputs: more}\n")
    assert found == [
        "child.yaml:8: artifacts.lonely.inputs: all inputs are optional and none is mapped: map 'more' to an artifact"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("input_mapping: {data: customers}, ", ""),
            "main.yaml:6: artifacts.child.inputs: 'customers' is not mapped to an input",
        ),
        (("inputs: customers\n", "optional: false\n"), None),
        (("{data: customers}", "{dat: customers}"), "the child runbook has no input 'dat'. Did you mean 'data'?"),
        (("{data: customers}", "{data: custmers}"), "there is no artifact 'custmers'. Did you mean 'customers'?"),
        (("output: findings", "output: finding"), "has no output 'finding'. Did you mean 'findings'?"),
        (("output: findings", "output_mapping: {raww: x}"), "has no output 'raww'. Did you mean 'raw'?"),
        (("output: findings", "output_mapping: {raw: customers}"), "the name 'customers' is already used"),
        (("output: findings", "output_mapping: {raw: x}"), "'child' has several outputs: use one of x"),
        (
            ("{type: files}", "{type: code}"),
            "the child runbook's input 'data' requires standard_input/1.0.0, but 'customers' is",
        ),
        (("./child.yaml", "/etc/child.yaml"), "'/etc/child.yaml' is absolute or contains '..'"),
        (("./child.yaml", "sub/../child.yaml"), "is absolute or contains '..'"),
        (
            ("./child.yaml", "chlid.yaml"),
            "there is no child runbook 'chlid.yaml' in FOLDER. Did you mean 'child.yaml'?",
        ),
        (("./child.yaml", "."), "is a folder"),
    ],
)
def test_a_mismatch_with_a_child_is_a_problem_with_file_and_line(plan, problems, change, message):
    assert change[0] in MAIN
    if message is None:
        assert plan(main=MAIN.replace(*change), child=CHILD).runbook.artifacts["child/copy"].inputs == ("customers",)
        return
    found = problems(main=MAIN.replace(*change), child=CHILD)
    assert any(message in problem for problem in found)
    assert all(problem.startswith("main.yaml:") or "but its inputs are" in problem for problem in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("copy: {inputs: data}", "copy: {source: {type: files}}"),
            "child.yaml:6: artifacts.copy.source: a child runbook",
        ),
        (
            ("{artifact: analysis}", "{artifact: analysys}"),
            "child.yaml:4: outputs.findings.artifact: there is no artifact",
        ),
        (("copy: {inputs: data}", "copy: {inputs: date}"), "child.yaml:6: artifacts.copy.inputs: there is no artifact"),
        (
            ("copy: {", "data: {inputs: data}\n  copy: {"),
            "child.yaml:6: artifacts.data: 'data' is also the name of an input",
        ),
        (("type: scan", "type: scam"), "child.yaml:7: artifacts.analysis.process: There is no analyser named 'scam'"),
        (("name: Child", "nam: Child"), "child.yaml:1: 'nam' is not known. Did you mean 'name'?"),
        (("name: Child", "name: [Child"), "main.yaml:7: artifacts.child.child_runbook: child.yaml:"),
        (
            ("1.0.0}}", "1.0.0, optional: true, default: {a: 1}}, x: {input_schema: a/1.0.0}}"),
            "input 'x' is not mapped",
        ),
        (
            ("}}\noutputs", "}, x: {input_schema: standard_input/1.0.0, optional: true, default: {}}}\noutputs"),
            "child.yaml:3: inputs.x: The message does not match the schema standard_input/1.0.0",
        ),
    ],
)
def test_a_problem_in_a_child_has_the_childs_line(problems, change, message):
    assert change[0] in CHILD
    found = problems(main=MAIN, child=CHILD.replace(change[0], change[1], 1))
    assert any(message in problem for problem in found), found


def test_a_cycle_of_children_is_shown(problems):
    again = CHILD.replace(
        "analysis: {inputs: copy, process: {type: scan}}", "analysis: {child_runbook: {path: child.yaml}}"
    )
    again = again.replace("{path: child.yaml}", "{path: child.yaml, input_mapping: {data: copy}, output: findings}")
    (problem,) = problems(main=MAIN, child=again)
    assert "child runbooks include one another in a cycle: main.yaml -> child.yaml -> child.yaml" in problem


def test_children_nested_too_deep_are_shown_as_a_chain(plan, problems):
    limited = MAIN.replace("artifacts:", "config: {max_child_depth: 1}\nartifacts:").replace("child.yaml", "outer.yaml")
    (problem,) = problems(main=limited, outer=OUTER, inner=CHILD)
    assert (
        "nested too deep: main.yaml -> outer.yaml -> inner.yaml. Increase config.max_child_depth, which is 1" in problem
    )
    assert plan(main=limited.replace("depth: 1", "depth: 2")).aliases["child"] == "child/analysis/analysis"


def test_a_cycle_through_a_child_is_found(problems):
    main = MAIN.replace("customers: {source: {type: files}}", "customers: {inputs: after}")
    (problem,) = problems(main=main, child=CHILD)
    assert "cycle: customers -> after -> child/analysis -> child/copy -> customers" in problem


def test_an_output_that_refers_to_itself_is_found(problems):
    main = """name: n
description: d
artifacts:
  c: {child_runbook: {path: through.yaml, input_mapping: {i: c}, output: o}}
"""
    through = """name: t
description: d
inputs: {i: {input_schema: a/1.0.0}}
outputs: {o: {artifact: i}}
artifacts: {x: {inputs: i}}
"""
    assert any(
        "refers to itself through outputs of child runbooks" in problem
        for problem in problems(main=main, through=through)
    )


def test_a_runbook_with_required_inputs_cannot_run_by_itself(problems):
    found = problems(main=CHILD)
    assert found == ["main.yaml:3: inputs.data: this input is required, so the runbook can only run as a child runbook"]


def test_a_link_out_of_the_folder_is_refused_unless_it_leads_to_a_template_folder(plan, problems, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "child.yaml").write_text(CHILD)
    (tmp_path / "child.yaml").symlink_to(outside / "child.yaml")
    (problem,) = problems(main=MAIN)
    assert "'child.yaml' is a link to a file outside the runbook's folder" in problem
    shared = MAIN.replace("artifacts:", f"config: {{template_paths: [{outside}]}}\nartifacts:")
    assert plan(main=shared).aliases == {"child": "child/analysis"}
    (tmp_path / "child.yaml").unlink()
    assert plan(main=shared).folders["child/copy"] == outside


def test_a_cycle_of_links_is_a_problem(problems, tmp_path):
    (tmp_path / "child.yaml").symlink_to(tmp_path / "child.yaml")
    (problem,) = problems(main=MAIN)
    assert "main.yaml:7" in problem


def test_a_runbook_given_as_data_searches_children_in_the_working_directory(tmp_path):
    (tmp_path / "child.yaml").write_text(CHILD)
    child = {"path": "child.yaml", "input_mapping": {"data": "a"}, "output": "findings"}
    data = {
        "name": "n",
        "description": "d",
        "artifacts": {"a": {"source": {"type": "files"}}, "c": {"child_runbook": child}},
    }
    planner = Planner(registry(), environment={}, working_directory=tmp_path)
    assert list(planner.plan_from_dict(data).sources) == ["runbook.json", "child.yaml"]
    with pytest.raises(WaivernError, match="there is no child runbook"):
        Planner(registry(), environment={}, working_directory=tmp_path.parent).plan_from_dict(data)


def wide(children: int) -> str:
    child = "{child_runbook: {path: many.yaml, output: all}}"
    return "name: W\ndescription: d\nartifacts:\n" + "\n".join(f"  c{at}: {child}" for at in range(children))


MANY = "\n".join(
    [
        "name: M\ndescription: d\noutputs: {all: {artifact: a0}}\nartifacts:",
        *(f"  a{at}: {{source: {{type: files}}}}" for at in range(1_000)),
    ]
)


def test_the_size_of_all_children_is_limited_while_loading(problems):
    (problem,) = problems(main=wide(101), many=MANY)
    assert problem.startswith("main.yaml:103: artifacts.c99.child_runbook: with this child runbook there are more than")
    few, many = (steps_of(lambda number=size: problems(main=wide(number), many=MANY)) for size in (101, 202))
    assert many < 2 * few  # the second hundred is read, and not put together


def test_the_size_of_one_runbook_is_limited():
    many = {f"a{at}": {"inputs": "b"} for at in range(100_001)}
    planner = Planner(registry(), environment={})
    with pytest.raises(PlanError, match="Main: there are more than 100,000 artifacts, inputs and outputs in total"):
        planner.plan_from_dict({"name": "Main", "description": "d", "artifacts": many})


def test_the_most_specific_retain_applies(plan):
    def retained(main: str = MAIN, child: str = CHILD) -> list[object]:
        return [artifact.retain for artifact in plan(main=main, child=child).runbook.artifacts.values()]

    a_month, a_week = 30 * 86_400, 7 * 86_400
    outer = MAIN.replace("artifacts:\n", "retain: 30d\nartifacts:\n", 1)
    parent = outer.replace("output: true", "retain: until_success")
    inner = CHILD.replace("artifacts:\n", "retain: 1w\nartifacts:\n", 1)
    own = inner.replace("{inputs: data}", "{inputs: data, retain: none}")
    assert retained() == [None] * 4
    assert retained(outer) == [a_month] * 4
    assert retained(parent) == [a_month, "until_success", "until_success", a_month]
    assert retained(parent, inner) == [a_month, a_week, a_week, a_month]
    assert retained(parent, own) == [a_month, "none", a_week, a_month]


def test_a_family_has_at_most_so_many_child_runbooks(plan, problems, monkeypatch):
    child = "{path: child.yaml, input_mapping: {data: customers}, output: raw}"
    twice = MAIN.replace("  after:", f"  other: {{inputs: customers, child_runbook: {child}}}\n  after:")
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_CHILDREN", 2)
    assert "other/copy" in plan(main=twice, child=CHILD).runbook.artifacts
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_CHILDREN", 1)
    (problem,) = problems(main=twice, child=CHILD)
    assert "the runbook has more than 1 child runbooks" in problem


def test_a_family_has_at_most_so_many_artifacts_inputs_and_outputs(plan, problems, monkeypatch):
    names = 3 + (2 + 1 + 2)  # artifacts of the main runbook; artifacts, inputs and outputs of its child
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_NAMES", names)
    assert plan(main=MAIN, child=CHILD).aliases == {"child": "child/analysis"}
    mapped = MAIN.replace("output: findings", "output_mapping: {findings: found}").replace(
        "inputs: child,", "inputs: found,"
    )
    (problem,) = problems(main=mapped, child=CHILD)  # a mapped output counts, too
    assert f"there are more than {names} artifacts, inputs and outputs in total" in problem
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_NAMES", names - 1)
    (problem,) = problems(main=MAIN, child=CHILD)
    assert problem.startswith("main.yaml:")
    assert f"with this child runbook there are more than {names - 1} artifacts, inputs and outputs in total" in problem
