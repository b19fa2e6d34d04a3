import os
import stat
from pathlib import Path

import pytest

from tests.runbooks.example import DESIGN_EXAMPLE, HEAD
from waivern.errors import PlanError, RunbookError
from waivern.runbooks.reading.runbook_loader import load_runbook, runbook_from_data


def test_the_example_is_loaded(load):
    runbook = load(DESIGN_EXAMPLE).runbook
    assert runbook.config.timeout == 300
    assert runbook.config.template_paths == ("./shared",)
    assert runbook.artifacts["child"].inputs == ("customers",)
    assert runbook.artifacts["personal_data"].output
    assert runbook.artifacts["customers"].source.properties["url"] == "${SHOP_DB_URL}"
    assert runbook.inputs["source_data"].schema_of_input.name == "standard_input"


def test_transform_is_an_alias_of_process(load, problems):
    older = load(HEAD + "artifacts: {a: {source: {type: x}}, b: {inputs: a, transform: {type: y}}}")
    assert older.runbook.artifacts["b"].process.type == "y"
    both = problems(HEAD + "artifacts: {b: {inputs: a, transform: {type: y}, process: {type: y}}}")
    assert both == ["scan.yaml:3: artifacts.b: process and transform mean the same: keep only process"]


def test_all_problems_of_a_file_are_reported_with_lines(problems):
    text = """name: x
desciption: y
config: {timeout: "300"}
on: 5
artifacts:
  a b: {source: {typ: x}}
  c:
    inputs: d
    transform:
      type: ""
  d: {}
"""
    assert problems(text) == [
        "scan.yaml:2: 'desciption' is not known. Did you mean 'description'?",
        "scan.yaml:3: config.timeout: must be a number, not a text",
        "scan.yaml:4: YAML reads the key on as true or false: put it in quotes",
        "scan.yaml:6: artifacts.a b.source: 'typ' is not known. Did you mean 'type'?",
        "scan.yaml:6: artifacts.a b: 'a b' is not a valid name: use letters, digits and _, then also - and .",
        "scan.yaml:10: artifacts.c.transform.type: must not be empty",
        "scan.yaml:11: artifacts.d: an artifact has exactly one of source, inputs, reuse; this one has none",
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("timeout: 0", "config.timeout: must be greater than 0"),
        ("timeout: 999999999999", "config.timeout: must be less than or equal to 31622400"),
        ("timeout: true", "config.timeout: must be a number, not true or false"),
        ("timeout: .inf", "config.timeout: must be a number, not a text"),
        ("max_concurrency: true", "config.max_concurrency: must be a whole number, not true or false"),
        ("max_concurrency: 0", "config.max_concurrency: must be greater than or equal to 1"),
        ("max_concurrency: 1.5", "config.max_concurrency: must be a whole number, not a number"),
        ("cost_limit: -1", "config.cost_limit: must be greater than or equal to 0"),
        ("max_child_dept: 1", "config: 'max_child_dept' is not known. Did you mean 'max_child_depth'?"),
    ],
)
def test_config_values_are_not_converted(problems, config, message):
    assert problems(f"{HEAD}artifacts: {{a: {{source: {{type: x}}}}}}\nconfig:\n  {config}\n") == [
        f"scan.yaml:5: {message}"
    ]


@pytest.mark.parametrize(
    ("artifact", "message"),
    [
        ("{inputs: [a, a]}", "inputs names 'a' more than once"),
        ("{inputs: []}", "an artifact has exactly one of source, inputs, reuse; this one has none"),
        ("{inputs: a, source: {type: x}}", "exactly one of source, inputs, reuse; this one has source and inputs"),
        ("{source: {type: x}, process: {type: y}}", "process needs inputs"),
        ("{inputs: 5}", "inputs: must be a name or a list of names, not a number"),
        ("{inputs: a, merge: zip}", "merge: must be 'concatenate'"),
        ("{inputs: a, output: 'yes'}", "output: must be true or false, not a text"),
        (
            "{child_runbook: {path: x, output: y}, process: {type: z}}",
            "an artifact with child_runbook must not have process",
        ),
        ("{child_runbook: {path: x}}", "give either output or output_mapping"),
        ("{child_runbook: {path: x, output: y, output_mapping: {a: b}}}", "give either output or output_mapping"),
        ("{reuse: {from_run: latest}}", "reuse: 'artifact' is required"),
        ("nothing", "must be a mapping of keys to values, not a text"),
        ("", "must be a mapping of keys to values, not empty"),
    ],
)
def test_an_invalid_artifact_is_refused(problems, artifact, message):
    (problem,) = problems(f"{HEAD}artifacts:\n  b: {artifact}\n")
    assert problem.startswith("scan.yaml:4: artifacts.b")
    assert message in problem


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("{cron: '0 2 * *'}", "has 4 fields; cron has five"),
        ("{cron: '0 2 * * *', every: 1h}", "exactly one of cron, every, at"),
        ("{}", "exactly one of cron, every, at"),
        ("{every: often}", "'often' is not a valid duration"),
        ("{every: 53w}", "every: must be less than or equal to 31622400"),
        ("{every: 1h, jitter: 999999999999}", "jitter: must be less than or equal to 31622400"),
        ("{at: tomorrow}", "'tomorrow' is not a valid date and time"),
        ("{every: 1h, timezone: Europe/Lodon}", "Did you mean 'Europe/London'?"),
        ("{every: 1h, timezone: UTC}", "timezone has no effect with every"),
        ("{every: 1h, max_catch_up: 9}", "max_catch_up has an effect only with catch_up: all"),
        ("{every: 1h, catch_up: lates}", "Did you mean 'latest'?"),
        ("{every: 1h, overlap: 5}", "must be 'skip', 'queue' or 'allow'"),
    ],
)
def test_an_invalid_schedule_is_refused(problems, schedule, message):
    (problem,) = problems(f"{HEAD}artifacts: {{a: {{source: {{type: x}}}}}}\nschedule: {schedule}\n")
    assert problem.startswith("scan.yaml:4: schedule")
    assert message in problem


def test_schedule_durations_become_seconds(load):
    schedule = load(
        f"{HEAD}artifacts: {{a: {{source: {{type: x}}}}}}\nschedule: {{every: 15m, jitter: 30}}"
    ).runbook.schedule
    assert (schedule.every, schedule.jitter) == (900, 30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scan.yaml is empty"),
        ("# nothing but this\n", "scan.yaml is empty"),
        ("- a\n", "scan.yaml:1: a runbook is a mapping with name, description and artifacts; this is a list"),
        ("hello", "this is a single value"),
        (f"{HEAD}artifacts:\n", "scan.yaml:3: artifacts: must be a mapping of keys to values, not empty"),
        (f"{HEAD}artifacts: {{}}\n", "scan.yaml:3: artifacts: is empty: define at least one"),
        (f"{HEAD}artifacts: [a]\n", "scan.yaml:3: artifacts: must be a mapping of keys to values, not a list"),
        (HEAD, "scan.yaml:1: 'artifacts' is required"),
        ("name: x\n\tdescription: y\n", "scan.yaml:2: this is not valid YAML"),
        ("name: x\n\tdescription: y\n", "Indent with spaces, not with tabs"),
        ("a: [1", "this is not valid YAML"),
        ("a: b: c", "scan.yaml:1: this is not valid YAML: mapping values are not allowed"),
        ("a: 1\n---\nb: 2\n", "scan.yaml:2: a second YAML document starts here"),
        (b"a: 1\nb: \xff\n", "scan.yaml:2: the text is not valid UTF-8"),
        (b"a: \x00", "scan.yaml:1: this is not valid YAML"),
        ("a: *b", "scan.yaml:1: the alias *b has no anchor &b before it"),
        ("a: &b [*b]", "scan.yaml:1: the alias *b is inside its own anchor &b"),
        ("[" * 100_000, "more than 50 levels deep"),
        ("- " * 100_000, "more than 50 levels deep"),
        ("#" * (1 << 20) + "x", "scan.yaml is larger than 1 MB"),
    ],
)
def test_a_file_that_is_not_a_runbook_gives_one_problem(problems, text, message):
    (problem,) = problems(text)
    assert message in problem


def test_a_byte_order_mark_is_ignored(load):
    assert load(b"\xef\xbb\xbf" + DESIGN_EXAMPLE.encode()).runbook.framework == "GDPR"


def test_an_unreadable_file_is_reported_with_a_remedy(tmp_path):
    (tmp_path / "nightly.yaml").write_text(DESIGN_EXAMPLE)
    with pytest.raises(RunbookError, match=r"There is no runbook .*nightly\.yml\. Did you mean 'nightly\.yaml'\?"):
        load_runbook(tmp_path / "nightly.yml")
    with pytest.raises(RunbookError, match="There is no folder"):
        load_runbook(tmp_path / "nowhere" / "x.yaml")
    with pytest.raises(RunbookError, match=r"is a folder\. Name one of its files: nightly\.yaml"):
        load_runbook(tmp_path)
    with pytest.raises(RunbookError, match="Cannot read"):
        load_runbook(tmp_path / "nightly.yaml" / "x")
    with pytest.raises(RunbookError, match="Cannot read"):
        load_runbook(Path("nul\0"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_permission_error_is_reported(write):
    path = write(DESIGN_EXAMPLE)
    path.chmod(stat.S_IWUSR)
    with pytest.raises(RunbookError, match="may not be read"):
        load_runbook(path)


def test_problems_of_plain_data_have_key_paths():
    with pytest.raises(PlanError) as caught:
        runbook_from_data({"name": "x", "description": "y", "artifacts": {"a": {"sorce": {}}, "b c": {"inputs": "a"}}})
    assert caught.value.problems == (
        "artifacts.b c: 'b c' is not a valid name: use letters, digits and _, then also - and .",
        "artifacts.a: 'sorce' is not known. Did you mean 'source'?",
        "artifacts.a.source: 'type' is required",
    )


def test_data_that_is_not_json_is_refused_with_key_paths():
    properties = {"path": Path("x"), "share": float("nan"), "text": "\ud800", 1: 2, "when": [{"a", "b"}]}
    artifacts = {"a": {"source": {"type": "x", "properties": properties}}}
    with pytest.raises(PlanError) as caught:
        runbook_from_data({"name": "x", "description": "y", "artifacts": artifacts})
    assert [problem.split(":")[0].rpartition(".")[2] for problem in caught.value.problems] == [
        "properties",
        "path",
        "share",
        "text",
        "when[0]",
    ]


def test_data_that_contains_itself_is_refused():
    data: dict[str, object] = {}
    data["a"] = data["b"] = data
    with pytest.raises(PlanError, match="more than 500,000 values or 50 levels"):
        runbook_from_data(data)


def test_a_runbook_given_as_data_may_use_tuples_and_has_a_json_text():
    loaded = runbook_from_data({"name": "x", "description": "y", "artifacts": {"a": {"inputs": ("b", "c")}}})
    assert loaded.runbook.artifacts["a"].inputs == ("b", "c")
    assert loaded.text == '{"artifacts":{"a":{"inputs":["b","c"]}},"description":"y","name":"x"}'
    assert loaded.path is None


def test_a_nul_in_data_is_refused_with_its_key_path():
    data = {"name": "a\0b", "description": "y", "artifacts": {"a": {"source": {"type": "x", "properties": {"p\0": 1}}}}}
    with pytest.raises(PlanError) as caught:
        runbook_from_data(data)
    nul = "a text contains the NUL character, which cannot be stored: remove it"
    assert caught.value.problems == (f"name: {nul}", f"artifacts.a.source.properties: {nul}")
