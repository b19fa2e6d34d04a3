"""Fake components, a hand-made registry, and short ways to plan with them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.components.container import ServiceContainer
from waivern.components.working_directory import resolve_path
from waivern.errors import InvalidPropertiesError, PlanError
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner

TEXT = Schema("standard_input", "1.0.0")
CODE = Schema("source_code", "1.0.0")
FINDINGS = Schema("findings", "1.0.0")


class FakeFactory:
    """Makes any component class; notes what it was asked for."""

    def __init__(self, component_class: type[Any], error: Exception | None = None) -> None:
        self.component_class = component_class
        self.error = error
        self.created: list[tuple[dict[str, Any], Path]] = []

    def create(self, properties: Mapping[str, Any]) -> Any:
        self.created.append((dict(properties), resolve_path("")))
        if self.error is not None:
            raise self.error
        if "bad" in properties:
            raise InvalidPropertiesError("fake", {"bad": f"is not known (given: {properties['bad']})"})
        return self.component_class()


def connector(*schemas: Schema) -> type[Connector]:
    class Fake(Connector):
        @classmethod
        def get_name(cls) -> str:
            return "fake"

        @classmethod
        def get_supported_output_schemas(cls) -> list[Schema]:
            return list(schemas)

        def extract(self, output_schema: Schema) -> Message:
            return Message("", {}, output_schema)

    return Fake


def analyser(input_combinations: list[list[Schema]], *output_schemas: Schema) -> type[Analyser]:
    class Fake(Analyser):
        @classmethod
        def get_name(cls) -> str:
            return "fake"

        @classmethod
        def get_input_requirements(cls) -> list[list[Schema]]:
            return input_combinations

        @classmethod
        def get_supported_output_schemas(cls) -> list[Schema]:
            return list(output_schemas)

        def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
            return Message("", {}, output_schema)

    return Fake


def registry() -> Any:
    """Plain dicts and a container: all that the Planner may use."""
    return SimpleNamespace(
        container=ServiceContainer(),
        connector_factories={
            "files": FakeFactory(connector(TEXT)),
            "code": FakeFactory(connector(CODE)),
            "both": FakeFactory(connector(TEXT, CODE)),
        },
        analyser_factories={
            "scan": FakeFactory(analyser([[TEXT]], FINDINGS)),
            "scan_code": FakeFactory(analyser([[CODE]], FINDINGS)),
            "compare": FakeFactory(analyser([[CODE, TEXT], [FINDINGS]], FINDINGS)),
        },
    )


def runbook(artifacts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Scan", "description": "A test", "artifacts": artifacts, **more}


def source(kind: str = "files", **properties: Any) -> dict[str, Any]:
    return {"source": {"type": kind, "properties": properties}}


def derived(*inputs: str, by: str | None = "scan", **properties: Any) -> dict[str, Any]:
    process = {"process": {"type": by, "properties": properties}} if by else {}
    return {"inputs": list(inputs), **process}


def plan_of(
    artifacts: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, **more: Any
) -> ExecutionPlan:
    return Planner(registry(), environment=environment or {}).plan_from_dict(runbook(artifacts, **more))


def problems_of(
    artifacts: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, **more: Any
) -> list[str]:
    """Every reason why the runbook does not plan; none where it does."""
    try:
        plan_of(artifacts, environment=environment, **more)
    except PlanError as error:
        return list(error.problems)
    return []
