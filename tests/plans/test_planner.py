from collections import UserDict
from pathlib import Path
from typing import Any

import pytest

from tests.builders.counting import times_the_steps
from tests.plans.fake_components import (
    CODE,
    FINDINGS,
    TEXT,
    FakeFactory,
    analyser,
    connector,
    derived,
    plan_of,
    problems_of,
    registry,
    runbook,
    source,
)
from waivern.artifacts.store import PastArtifact, PastArtifacts
from waivern.components.container import ExistingService, ServiceDescriptor
from waivern.components.registry import ComponentRegistry
from waivern.discovery import PlugIns
from waivern.errors import ArtifactNotFoundError, PlanError, RunbookError
from waivern.messages.message import Message
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner


def test_a_plan_has_the_schemas_of_every_artifact_and_its_inputs():
    plan = plan_of(
        {"a": source(), "b": source("code"), "c": derived("a", "b", by="compare"), "d": derived("a", by=None)}
    )
    assert plan.artifact_schemas == {
        "a": (None, TEXT),
        "b": (None, CODE),
        "c": ([CODE, TEXT], FINDINGS),  # in the order in which the analyser names them
        "d": ([TEXT], TEXT),
    }


def test_inputs_with_one_schema_count_once_for_the_analyser():
    plan = plan_of({"a": source(), "b": source(), "c": derived("a", "b")})
    assert plan.artifact_schemas["c"] == ([TEXT], FINDINGS)


def test_a_source_uses_the_first_schema_that_all_its_dependents_accept():
    assert plan_of({"a": source("both")}).artifact_schemas["a"] == (None, TEXT)
    assert plan_of({"a": source("both"), "b": derived("a", by="scan_code")}).artifact_schemas["a"] == (None, CODE)
    passed_on = {"a": source("both"), "b": derived("a", by=None), "c": derived("b", by="scan_code")}
    assert plan_of(passed_on).artifact_schemas["a"] == (None, CODE)


@pytest.mark.parametrize("dependents", [("compared", "scanned"), ("scanned", "compared")])
def test_a_source_uses_a_schema_that_each_of_its_dependents_accepts(dependents):
    derived_from_a = {"compared": derived("a", "b", by="compare"), "scanned": derived("a", by="scan_code")}
    artifacts = {"b": source(), "a": source("both"), **{name: derived_from_a[name] for name in dependents}}
    assert plan_of(artifacts).artifact_schemas["a"] == (None, CODE)


def test_an_edge_without_a_common_schema_is_a_problem():
    found = problems_of({"a": source("both"), "b": derived("a"), "c": derived("a", by="scan_code")})
    expected = "the analyser 'scan_code' accepts source_code/1.0.0, but its inputs are standard_input/1.0.0 from a"
    assert found == [f"artifacts.c.inputs: {expected}"]


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ({"a": source("fils")}, "artifacts.a.source: There is no connector named 'fils'. Did you mean 'files'?"),
        ({"a": source(), "b": derived("a", by="scam")}, "There is no analyser named 'scam'. Did you mean 'scan'?"),
        (
            {"first": source(), "b": derived("frist")},
            "artifacts.b.inputs: there is no artifact 'frist'. Did you mean 'first'?",
        ),
        ({"a": derived("a")}, "artifacts depend on one another in a cycle: a -> a"),
        ({"a": derived("b"), "b": derived("a")}, "artifacts depend on one another in a cycle: a -> b -> a"),
        (
            {"a": source("code"), "b": derived("a")},
            "accepts standard_input/1.0.0, but its inputs are source_code/1.0.0 from a",
        ),
        (
            {"a": source("code"), "b": source(), "c": derived("a", "b", by=None)},
            "need a process to merge them: source_code/1.0.0 from a, standard_input/1.0.0 from b",
        ),
        (
            {"a": source("code"), "b": source(), "c": derived("a", "b")},
            "its inputs are source_code/1.0.0 from a, standard",
        ),
        (
            {"a": source(), "b": derived("a", by="compare")},
            "accepts source_code/1.0.0 with standard_input/1.0.0 or findings/1",
        ),
        ({"a": source(bad=5)}, "artifacts.a.source.properties.bad: is not known"),
        ({"a": source(), "b": derived("a", bad=1)}, "artifacts.b.process.properties.bad: is not known"),
        ({"a": source(x="${UNSET}")}, "'x' needs the environment variable UNSET, which is not set"),
        ({"a": source(x={"y": ["${1}"]})}, "'${1}' is not a valid variable"),
        ({"a": {"reuse": {"from_run": "latest", "artifact": "a"}}}, "reuse needs a database with earlier runs"),
    ],
)
def test_an_invalid_runbook_is_refused_before_anything_runs(artifacts, message):
    (problem,) = problems_of(artifacts)
    assert message in problem


def test_the_error_of_a_plan_names_the_runbook():
    with pytest.raises(PlanError) as caught:
        plan_of({"a": derived("b")})
    assert str(caught.value) == "Scan: artifacts.a.inputs: there is no artifact 'b'"


def test_every_problem_is_reported_at_once():
    found = problems_of(
        {
            "a": source("fils", x="${UNSET}"),
            "b": derived("a", "nope", by="scam"),
            "c": derived("c"),
            "d": derived("e"),
            "e": derived("d"),
            "f": source("code"),
            "g": derived("f"),
            "h": source(bad=1),
        }
    )
    assert len(found) == 8
    assert len([problem for problem in found if "in a cycle" in problem]) == 2


def test_dependents_of_an_invalid_artifact_are_not_reported():
    found = problems_of(
        {"a": source("fils"), "b": derived("a"), "c": derived("b", by="compare"), "d": derived("a", by=None)}
    )
    assert len(found) == 1


def test_thousands_of_problems_are_truncated_and_counted_in_linear_time():
    def problems(number: int) -> list[str]:
        return problems_of({f"artifact_{at}": derived(f"artefact_{at}") for at in range(number)})

    assert problems(1000)[-1] == "and 900 more"
    assert times_the_steps(problems, 200) < 5


def test_unset_variables_without_a_default_are_reported_where_they_are_used():
    found = problems_of({"a": source(x="${ONE} ${TWO}", y="${THREE:-3}"), "b": source(z=["${ONE}"])})
    assert [problem.split(",")[0] for problem in found] == [
        "artifacts.a.source.properties: 'x' needs the environment variable ONE",
        "artifacts.a.source.properties: 'x' needs the environment variable TWO",
        "artifacts.b.source.properties: 'z' needs the environment variable ONE",
    ]


def test_an_invalid_property_is_reported_beside_an_unset_variable():
    assert problems_of({"a": source(bad=1, x="${UNSET}")})[1:] == [
        "artifacts.a.source.properties.bad: is not known (given: 1)"
    ]
    assert len(problems_of({"a": source(bad="${UNSET}")})) == 1


def test_components_are_checked_with_resolved_properties_and_the_plan_keeps_them_unresolved():
    components = registry()
    planner = Planner(components, environment={"SECRET": "hunter2"}, working_directory=Path("/somewhere"))
    plan = planner.plan_from_dict(runbook({"a": source(password="${SECRET}"), "b": source(password="${SECRET}")}))
    assert components.connector_factories["files"].created == [({"password": "hunter2"}, Path("/somewhere"))]
    assert plan.runbook.artifacts["a"].source.properties == {"password": "${SECRET}"}
    assert plan.variables == {"SECRET"}
    assert plan.folders == {"a": Path("/somewhere"), "b": Path("/somewhere")}
    assert "hunter2" not in repr(plan)


@pytest.mark.parametrize(
    "error",
    [ValueError("cannot use hunter2"), RunbookError("cannot use hunter2"), KeyError("hunter2"), SystemExit("hunter2")],
)
def test_any_exception_of_a_factory_is_a_problem_without_the_resolved_value(error):
    components = registry()
    components.connector_factories["files"].error = error
    with pytest.raises(PlanError) as caught:
        Planner(components, environment={"S": "hunter2"}).plan_from_dict(runbook({"a": source(password="${S}")}))
    (problem,) = caught.value.problems
    assert "${S}" in problem
    assert "hunter2" not in str(caught.value)


def test_invalid_properties_are_reported_without_the_resolved_value():
    (problem,) = problems_of({"a": source(bad="${S}")}, environment={"S": "hunter2"})
    assert problem == "artifacts.a.source.properties.bad: is not known (given: ${S})"


@pytest.mark.parametrize("error", [RuntimeError("half installed"), SystemExit("half installed")])
def test_a_component_that_cannot_describe_itself_is_a_problem(error):
    class Broken(FakeFactory):
        @property
        def component_class(self) -> Any:
            raise error

        @component_class.setter
        def component_class(self, value: Any) -> None: ...

    components = registry()
    components.connector_factories["broken"] = Broken(connector(TEXT))
    components.connector_factories["mute"] = FakeFactory(connector())
    with pytest.raises(PlanError) as caught:
        Planner(components, environment={}).plan_from_dict(runbook({"a": source("broken"), "b": source("mute")}))
    assert caught.value.problems == (
        f"artifacts.a.source: the connector 'broken' is broken: {type(error).__name__}: half installed",
        "artifacts.b.source: the connector 'mute' declares no output schema",
    )


def test_a_plug_in_that_cannot_be_imported_is_reported_with_the_reason(monkeypatch):
    def fail(_plug_ins: PlugIns, _name: str) -> Any:
        raise ImportError("no driver")

    monkeypatch.setattr(PlugIns, "load", fail)
    components = ComponentRegistry(registry().container)
    with pytest.raises(PlanError, match="The connector 'filesystem' cannot be imported: ImportError: no driver"):
        Planner(components, environment={}).plan_from_dict(runbook({"a": source("filesystem")}))


class Remembered(PastArtifacts):
    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        if artifact_id != "customers":
            raise ArtifactNotFoundError(artifact_id, ["customers"])
        return PastArtifact(f"{from_run} of {runbook}", artifact_id, CODE)

    def message_of(self, run_id: str, artifact: str) -> Message:
        raise NotImplementedError


def with_memory() -> Any:
    components = registry()
    components.container.register(ServiceDescriptor(PastArtifacts, ExistingService(Remembered())))
    return components


def test_a_reused_artifact_keeps_its_schema_and_names_its_run():
    artifacts = {"a": {"reuse": {"from_run": "latest", "artifact": "customers"}}, "b": derived("a", by="scan_code")}
    plan = Planner(with_memory(), environment={}).plan_from_dict(runbook(artifacts))
    assert plan.artifact_schemas == {"a": (None, CODE), "b": ([CODE], FINDINGS)}
    assert plan.runbook.artifacts["a"].reuse.from_run == "latest of Scan"


def test_each_reused_artifact_names_its_run_wherever_it_is_defined():
    reused = {"reuse": {"from_run": "latest", "artifact": "customers"}}
    plan = Planner(with_memory(), environment={}).plan_from_dict(runbook({"a": source(), "b": reused, "c": reused}))
    assert [plan.runbook.artifacts[letter].reuse.from_run for letter in "bc"] == ["latest of Scan"] * 2


def test_a_misspelt_key_of_a_runbook_given_as_data_hides_no_other_problem():
    assert problems_of({"a": source("fils")}, confg={}) == [
        "'confg' is not known. Did you mean 'config'?",
        "artifacts.a.source: There is no connector named 'fils'. Did you mean 'files'?",
    ]


def test_reusing_an_unknown_artifact_is_a_problem():
    artifacts = {"a": {"reuse": {"from_run": "latest", "artifact": "customer"}}}
    with pytest.raises(PlanError, match=r"There is no artifact 'customer'\. Did you mean 'customers'\?"):
        Planner(with_memory(), environment={}).plan_from_dict(runbook(artifacts))


SCAN = """name: Scan
description: d
artifacts:
  a:
    source:
      type: files
      properties:
        path: ./exports
        bad: 5
  b:
    inputs:
      - a
      - c
    process: {type: scam}
"""


def test_problems_of_a_file_have_line_numbers(tmp_path):
    path = tmp_path / "scan.yaml"
    path.write_text(SCAN)
    with pytest.raises(PlanError) as caught:
        Planner(registry(), environment={}).plan(path)
    assert [problem.removeprefix(f"{path}:") for problem in caught.value.problems] == [
        "13: artifacts.b.inputs: there is no artifact 'c'",
        "9: artifacts.a.source.properties.bad: is not known (given: 5)",
        "14: artifacts.b.process: There is no analyser named 'scam'. Did you mean 'scan'?",
    ]


def test_relative_paths_refer_to_the_runbooks_folder(tmp_path, monkeypatch):
    (tmp_path / "scan.yaml").write_text("name: n\ndescription: d\nartifacts: {a: {source: {type: files}}}")
    monkeypatch.chdir(tmp_path.parent)
    components = registry()
    plan = Planner(components, environment={}).plan(Path(tmp_path.name) / "scan.yaml")
    assert plan.folders == {"a": tmp_path}
    assert components.connector_factories["files"].created == [({}, tmp_path)]
    assert plan.sources == {"scan.yaml": (tmp_path / "scan.yaml").read_text()}


def test_planning_thousands_of_artifacts_takes_linear_time(tmp_path):
    components = registry()
    components.analyser_factories["pass"] = FakeFactory(analyser([[TEXT]], TEXT))

    def planned_chain(length: int) -> ExecutionPlan:
        lines = ["name: Big", "description: d", "artifacts:", "  s0: {source: {type: files, properties: {path: ./x}}}"]
        step = "  s{}:\n    inputs: [s{}]\n    process: {{type: pass, properties: {{a: {{b: c}}}}}}"
        lines.extend(step.format(at, at - 1) for at in range(1, length))
        path = tmp_path / "big.yaml"
        path.write_text("\n".join(lines))
        return Planner(components, environment={}).plan(path)

    assert len(planned_chain(5000).dag.everything_after("s0")) == 4999
    assert times_the_steps(planned_chain, 200) < 5


def test_a_misspelt_key_hides_no_other_problem(tmp_path):
    path = tmp_path / "runbook.yaml"
    path.write_text(
        "name: n\ndescription: d\nartifcts:\n  a:\n    sorce: {type: fils}\n    colour: red\n"
        "  b: {inputs: nowhere, proces: {type: scan}}\nconfig: {timeout: soon}\n"
    )
    with pytest.raises(PlanError) as caught:
        Planner(registry(), environment={}).plan(path)
    assert [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems][:5] == [
        "runbook.yaml:3: 'artifcts' is not known. Did you mean 'artifacts'?",
        "runbook.yaml:5: artifacts.a: 'sorce' is not known. Did you mean 'source'?",
        "runbook.yaml:6: artifacts.a: 'colour' is not known. Known: "
        + caught.value.problems[2].partition("Known: ")[2],
        "runbook.yaml:7: artifacts.b: 'proces' is not known. Did you mean 'process'?",
        "runbook.yaml:8: config.timeout: must be a number, not a text",
    ]
    path.write_text(path.read_text().replace("soon", "5"))
    with pytest.raises(PlanError) as caught:
        Planner(registry(), environment={}).plan(path)
    found = "\n".join(caught.value.problems)
    assert "runbook.yaml:5: artifacts.a.source: There is no connector named 'fils'. Did you mean 'files'?" in found
    assert "runbook.yaml:7: artifacts.b.inputs: there is no artifact 'nowhere'" in found


def test_only_the_runbooks_variables_are_read_from_the_environment():
    looked_up: set[str] = set()

    class Noticing(UserDict[str, str]):
        def __getitem__(self, name: str) -> str:
            looked_up.add(name)
            return super().__getitem__(name)

    plan_of({"a": source(path="${FOLDER}")}, environment=Noticing(FOLDER="/data", HOME="/home/somebody"))
    assert looked_up == {"FOLDER"}


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ({"cron": "0 0 31 2 *"}, "schedule.cron: '0 0 31 2 *' is never due"),
        ({"cron": "61 * * * *"}, "schedule.cron: '61 * * * *' is not valid cron: '61' is not a valid minute"),
        ({"at": "1969-12-31"}, "schedule.at: '1969-12-31' is not a valid time for a schedule"),
        ({"every": 0.5}, "schedule.every: 0.5 s is not a valid interval"),
    ],
)
def test_an_invalid_schedule_is_a_problem(schedule, problem):
    (found,) = problems_of({"a": source()}, schedule=schedule)
    assert found.startswith(problem)


def test_a_valid_schedule_is_not_a_problem():
    assert problems_of({"a": source()}, schedule={"at": "2020-01-01T02:00", "timezone": "Asia/Tokyo"}) == []
