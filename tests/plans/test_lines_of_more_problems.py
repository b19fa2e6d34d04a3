"""Each problem of a runbook names the line and the key of its cause, and its text says what to do."""

from pathlib import Path
from typing import Any

import pytest

from tests.plans.fake_components import registry
from tests.plans.test_lines_of_problems import CHILD, IN_CHILD, IN_MAPPING, MAIN, problems_of
from tests.plans.test_planner import with_memory

RUNBOOK = """\
name: Scan
description: d
artifacts:
  first:
    source:
      type: files
  code:
    source:
      type: code
      properties:
        path: ./src
  derived:
    inputs:
      - first
    process:
      type: scan
"""
REUSED = """\
    reuse:
      from_run: latest
      artifact: customer
"""
FIRST_SOURCE = "    source:\n      type: files\n"


@pytest.mark.parametrize(
    ("old", "new", "components", "line", "message"),
    [
        (
            "      - first",
            "      - derived",
            registry,
            "inputs:",
            "artifacts.derived.inputs: artifacts depend on one another in a cycle: derived -> derived",
        ),
        (
            "  derived:\n    inputs:\n      - first",
            "  other:\n    inputs:\n      - derived\n  derived:\n    inputs:\n      - other",
            registry,
            "inputs:",
            "artifacts.other.inputs: artifacts depend on one another in a cycle: other -> derived -> other",
        ),
        (
            "      - first\n    process:\n      type: scan",
            "      - first\n      - code",
            registry,
            "inputs:",
            (
                "artifacts.derived.inputs: inputs with different schemas need a process to merge them:"
                " standard_input/1.0.0 from first, source_code/1.0.0 from code"
            ),
        ),
        (
            "      - first",
            "      - code",
            registry,
            "inputs:",
            (
                "artifacts.derived.inputs: the analyser 'scan' accepts standard_input/1.0.0,"
                " but its inputs are source_code/1.0.0 from code"
            ),
        ),
        (
            "      - first",
            "      - first\n      - frist",
            registry,
            "- frist",
            "artifacts.derived.inputs: there is no artifact 'frist'. Did you mean 'first'?",
        ),
        (
            "path: ./src",
            "path: ${FOLDER}",
            registry,
            "path: ${FOLDER}",
            (
                "artifacts.code.source.properties: 'path' needs the environment variable FOLDER, which is not set;"
                " set it, or write a default: ${FOLDER:-...}"
            ),
        ),
        (
            "type: code",
            "type: coda",
            registry,
            "type: coda",
            "artifacts.code.source: There is no connector named 'coda'. Did you mean 'code'?",
        ),
        (FIRST_SOURCE, REUSED, registry, "reuse:", "artifacts.first.reuse: reuse needs a database with earlier runs"),
        (
            FIRST_SOURCE,
            REUSED,
            with_memory,
            "reuse:",
            "artifacts.first.reuse: There is no artifact 'customer'. Did you mean 'customers'?",
        ),
    ],
)
def test_a_problem_is_at_its_line(tmp_path: Path, old: str, new: str, components: Any, line: str, message: str) -> None:
    found = problems_of(tmp_path, RUNBOOK.replace(old, new, 1), components=components())
    assert found[0] == ("main.yaml", line, message)


def test_each_unresolved_input_is_at_its_own_line(tmp_path: Path) -> None:
    runbook = RUNBOOK.replace("      - first", "      - frist\n      - first\n      - coed")
    assert problems_of(tmp_path, runbook) == [
        ("main.yaml", "- frist", "artifacts.derived.inputs: there is no artifact 'frist'. Did you mean 'first'?"),
        ("main.yaml", "- coed", "artifacts.derived.inputs: there is no artifact 'coed'. Did you mean 'code'?"),
    ]


REMEDY = "Use a path below the runbook's folder, or add its folder to config.template_paths"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/child.yaml", f"the child runbook's path '/etc/child.yaml' is absolute or contains '..'. {REMEDY}"),
        ("../child.yaml", f"the child runbook's path '../child.yaml' is absolute or contains '..'. {REMEDY}"),
        ("chlid.yaml", "there is no child runbook 'chlid.yaml' in {0}, {0}/shared. Did you mean 'child.yaml'?"),
        (
            "linked.yaml",
            (
                "the child runbook 'linked.yaml' is a link to a file outside the runbook's folder."
                " Add the folder of that file to config.template_paths"
            ),
        ),
        ("broken.yaml", "{0}/broken.yaml:2: this is not valid YAML: "),
    ],
)
def test_a_child_runbook_that_cannot_be_loaded_is_at_the_line_of_its_path(
    tmp_path: Path, path: str, message: str
) -> None:
    folder, outside = tmp_path / "inside", tmp_path / "outside.yaml"
    folder.mkdir()
    outside.write_text(CHILD)
    (folder / "linked.yaml").symlink_to(outside)
    (folder / "broken.yaml").write_text("name: [")
    main = MAIN.replace("./child.yaml", path).replace("artifacts:", "config: {template_paths: [shared]}\nartifacts:", 1)
    (found,) = problems_of(folder, main, CHILD)
    assert found[:2] == ("main.yaml", f"path: {path}")
    assert found[2].startswith(IN_CHILD + message.format(folder))


def test_a_child_runbook_whose_path_the_file_system_refuses_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: Any) -> bool:
        raise PermissionError(13, "Permission denied", path.name)

    monkeypatch.setattr(Path, "exists", refuse)
    (found,) = problems_of(tmp_path, MAIN, CHILD)
    message = f"{IN_CHILD}cannot read the child runbook './child.yaml': [Errno 13] Permission denied: 'child.yaml'"
    assert found == ("main.yaml", "path: ./child.yaml", message)


def test_a_problem_of_a_childs_value_is_at_its_line_beside_those_of_the_main_runbook(tmp_path: Path) -> None:
    found = problems_of(tmp_path, MAIN.replace("type: files", "type: fils"), CHILD.replace("name: Child", "name: [C]"))
    assert found == [
        ("child.yaml", "name: [C]", "name: must be a text, not a list"),
        (
            "main.yaml",
            "type: fils",
            "artifacts.customers.source: There is no connector named 'fils'. Did you mean 'files'?",
        ),
    ]


OUTPUTS = "      output_mapping:\n        findings: {}\n        raw: {}\n    output: true\n"
RAW = CHILD.replace("  findings:\n", "  raw:\n    artifact: analysis\n  findings:\n")


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("found", "customers"), "customers"),
        (("found", "found"), "found"),
        (("found", "given"), "given"),
        (("found", "child"), None),
        (("found", "kept"), None),
    ],
)
def test_the_name_of_an_output_that_is_already_used_is_at_its_line(
    tmp_path: Path, names: tuple[str, str], taken: str | None
) -> None:
    main = MAIN.replace("      output: findings\n    output: true\n", OUTPUTS.format(*names))
    given = "inputs:\n  given:\n    input_schema: a/1.0.0\n    optional: true\n"
    main = main.replace("artifacts:", f"{given}artifacts:", 1) + "  broken:\n    inputs: nowhere\n"
    key_path = "artifacts.child.child_runbook.output_mapping"
    expected = [("main.yaml", f"raw: {taken}", f"{key_path}: the name '{taken}' is already used")]
    found = problems_of(tmp_path, main, RAW)
    assert [problem for problem in found if "already used" in problem[2]] == (expected if taken else [])


def test_an_artifact_with_several_outputs_is_not_an_input_itself(tmp_path: Path) -> None:
    main = MAIN.replace("      output: findings\n    output: true\n", OUTPUTS.format("found", "kept"))
    (found,) = problems_of(tmp_path, main + "  after:\n    inputs: child\n", RAW)
    message = "artifacts.after.inputs: 'child' has several outputs: use one of found, kept"
    assert found == ("main.yaml", "inputs: child", message)


def test_each_mapping_to_an_unknown_artifact_is_reported_at_its_line(tmp_path: Path) -> None:
    mapped = "data: custmers\n        more: costumers"
    main = MAIN.replace("    inputs:\n      customers\n", "").replace("data: customers", mapped)
    message = f"{IN_MAPPING}there is no artifact '{{}}'. Did you mean 'customers'?"
    assert problems_of(tmp_path, main, CHILD) == [
        ("main.yaml", "data: custmers", message.format("custmers")),
        ("main.yaml", "more: costumers", message.format("costumers")),
    ]


def test_what_depends_on_a_child_runbook_that_cannot_be_loaded_is_not_reported(tmp_path: Path) -> None:
    main = MAIN.replace("data: customers", "data: broken").replace("    inputs:\n      customers\n", "")
    broken = "  broken:\n    child_runbook:\n      path: child.yml\n      output: findings\n"
    (found,) = problems_of(tmp_path, main + broken, CHILD)
    assert found[:2] == ("main.yaml", "path: child.yml")


def test_a_child_runbook_without_inputs_and_outputs_has_none(tmp_path: Path) -> None:
    child = "name: C\ndescription: d\nartifacts:\n  a:\n    source:\n      type: files\n"
    assert problems_of(tmp_path, MAIN, child) == [
        ("main.yaml", "data: customers", f"{IN_MAPPING}the child runbook has no input 'data'. It has: none"),
        ("main.yaml", "output: findings", f"{IN_CHILD}the child runbook has no output 'findings'. It has: none"),
    ]


TWO_INPUTS = CHILD.replace("    inputs: data\n", "    inputs:\n      - data\n      - more\n      - date\n")


def test_two_names_of_one_artifact_among_the_inputs_are_at_the_line_of_the_second(tmp_path: Path) -> None:
    main = MAIN.replace("data: customers", "data: customers\n        more: customers")
    assert problems_of(tmp_path, main, TWO_INPUTS) == [
        ("child.yaml", "- more", "artifacts.analysis.inputs: 'data' and 'more' are the same artifact"),
        ("child.yaml", "- date", "artifacts.analysis.inputs: there is no artifact 'date'. Did you mean 'data'?"),
    ]


def test_optional_inputs_of_which_none_is_mapped_are_at_the_line_of_the_first(tmp_path: Path) -> None:
    other = "  other:\n    input_schema: standard_input/1.0.0\n    optional: true\noutputs:"
    lonely = "  lonely:\n    inputs:\n      - more\n      - other\n"
    (found,) = problems_of(tmp_path, MAIN, CHILD.replace("outputs:", other) + lonely)
    message = "all inputs are optional and none is mapped: map 'more' to an artifact"
    assert found == ("child.yaml", "- more", f"artifacts.lonely.inputs: {message}")
