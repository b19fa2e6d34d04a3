"""How components are tried while planning: with which properties and variables, and what of their errors is shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.plans.fake_components import (
    CODE,
    FINDINGS,
    FakeFactory,
    analyser,
    connector,
    derived,
    problems_of,
    registry,
    runbook,
    source,
)
from waivern.components.environment import EnvironmentVariables, validated_with_variables
from waivern.errors import InvalidPropertiesError, PlanError, RunbookError
from waivern.plans.planner import Planner

UNSET = "artifacts.a.source.properties: '{}' needs the environment variable {}, which is not set; "


def problems_with(
    factory: FakeFactory, *, environment: Mapping[str, str] | None = None, **properties: Any
) -> list[str]:
    components = registry()
    components.connector_factories["files"] = factory
    with pytest.raises(PlanError) as caught:
        Planner(components, environment=environment or {}).plan_from_dict(runbook({"a": source(**properties)}))
    return list(caught.value.problems)


def test_an_unset_variable_is_reported_with_what_to_do():
    assert problems_of({"a": source(x="${ONE}")}) == [
        UNSET.format("x", "ONE") + "set it, or write a default: ${ONE:-...}"
    ]


def test_an_invalid_property_is_reported_beside_several_unset_variables():
    found = problems_of({"a": source(x="${ONE}", y="${TWO}", bad=1)})
    assert found[2:] == ["artifacts.a.source.properties.bad: is not known (given: 1)"]


def test_a_planner_without_an_environment_uses_that_of_the_process(monkeypatch):
    monkeypatch.setenv("FOLDER_TO_SCAN", "/data")
    components = registry()
    plan = Planner(components).plan_from_dict(runbook({"a": source(path="${FOLDER_TO_SCAN}")}))
    assert plan.variables == {"FOLDER_TO_SCAN"}
    assert [properties for properties, _ in components.connector_factories["files"].created] == [{"path": "/data"}]


def test_a_component_is_tried_with_a_placeholder_for_an_unset_variable():
    factory = FakeFactory(connector(CODE))
    problems_with(factory, x="${ONE}/${TWO:-2}")
    assert [properties for properties, _ in factory.created] == [{"x": "unset/2"}]


def test_each_combination_of_properties_is_checked():
    assert problems_of({"a": source(), "b": source(bad=1), "c": source(bad=2), "d": source(bad=1)}) == [
        "artifacts.b.source.properties.bad: is not known (given: 1)",
        "artifacts.c.source.properties.bad: is not known (given: 2)",
        "artifacts.d.source.properties.bad: is not known (given: 1)",
    ]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("no such table"), "cannot create files: ValueError: no such table"),
        (SystemExit("no such table"), "cannot create files: SystemExit: no such table"),
        (RunbookError("no such table", remedy="Create it"), "no such table. Create it"),
    ],
)
def test_an_exception_of_a_factory_is_shown_with_its_type_unless_it_is_one_of_waivern(error, message):
    factory = FakeFactory(connector(CODE), error)
    assert problems_with(factory) == [f"artifacts.a.source.properties: {message}"]
    assert len(problems_with(factory, x="${ONE}")) == 1  # the variable may be the cause


@pytest.mark.parametrize(
    ("name", "key_path"), [("", ""), ("path", ".path"), ("database.port", ".database.port"), ("a.b.c", ".a.b.c")]
)
def test_an_invalid_property_is_reported_at_its_key_path(name, key_path):
    factory = FakeFactory(connector(CODE), InvalidPropertiesError("files", {name: "is wrong"}))
    assert problems_with(factory) == [f"artifacts.a.source.properties{key_path}: is wrong"]


def test_an_invalid_nested_property_is_at_its_own_line(tmp_path: Path):
    text = "name: n\ndescription: d\nartifacts:\n  a:\n    source:\n      type: files\n      properties:\n"
    (tmp_path / "main.yaml").write_text(text + "        database:\n          host: h\n          port: 1\n")
    components = registry()
    components.connector_factories["files"].error = InvalidPropertiesError("files", {"database.port": "is wrong"})
    with pytest.raises(PlanError) as caught:
        Planner(components, environment={}).plan(tmp_path / "main.yaml")
    assert caught.value.problems == (f"{tmp_path}/main.yaml:10: artifacts.a.source.properties.database.port: is wrong",)


class Server(BaseModel):
    password: str


def test_a_component_reads_its_variables_from_the_planners_environment_and_their_names_are_kept():
    class Factory(FakeFactory):
        def create(self, properties: Mapping[str, Any]) -> Any:
            variables = {"password": EnvironmentVariables(("SERVER_PASSWORD",), are_secret=True)}
            raise RunbookError(
                validated_with_variables(Server, properties, component="x", variables=variables).password
            )

    found = problems_with(Factory(connector(CODE)), environment={"SERVER_PASSWORD": "hunter2"})
    assert found == ["artifacts.a.source.properties: ${SERVER_PASSWORD}"]


def test_an_analyser_that_accepts_nothing_says_so():
    components = registry()
    components.analyser_factories["scan"] = FakeFactory(analyser([], FINDINGS))
    with pytest.raises(PlanError) as caught:
        Planner(components, environment={}).plan_from_dict(runbook({"a": source(), "b": derived("a")}))
    message = "the analyser 'scan' accepts nothing, but its inputs are standard_input/1.0.0 from a"
    assert caught.value.problems == (f"artifacts.b.inputs: {message}",)
