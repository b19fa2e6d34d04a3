"""Builders of messages, plans and registries for tests."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from waivern.artifacts.store import ArtifactStore
from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.components.container import ExistingService, ServiceContainer, ServiceDescriptor
from waivern.components.factory import ComponentFactory
from waivern.components.partwise import PartResults
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.plans.dag import ExecutionDAG
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.model.runbook import Runbook

ANY_SCHEMA = Schema("any", "1.0.0")
"""A schema that is not in the catalogue: its messages may contain any JSON object."""

T = TypeVar("T")
Extract = Callable[[Mapping[str, Any]], Any]
Process = Callable[[Mapping[str, Any], Sequence[Message]], Any]


def message_of(**content: Any) -> Message:
    """Return a message with this content, of a schema that allows any content."""
    return Message("", content, ANY_SCHEMA)


@contextmanager
def raises(error: type[Exception], *, containing: str = "") -> Iterator[None]:
    """Fail unless the block raises `error` with `containing` in its message. (`pytest.raises` would need pytest.)"""
    try:
        yield
    except error as raised:
        if containing not in str(raised):
            raise AssertionError(f"{containing!r} is not in {str(raised)!r}") from raised
    else:
        raise AssertionError(f"{error.__name__} was not raised")


class InMemoryPartResults(PartResults):
    """Results of part-wise analysers, remembered in memory."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, str], bytes] = {}

    def find(self, key: str, parts: Collection[str]) -> Mapping[str, bytes]:
        return {part: self.results[key, part] for part in parts if (key, part) in self.results}

    def remember(self, key: str, results: Mapping[str, bytes]) -> None:
        self.results.update({(key, part): result for part, result in results.items()})


class FunctionConnector(Connector):
    """A connector that calls a function with its properties; the function returns content or a message."""

    def __init__(self, properties: Mapping[str, Any], extract: Extract) -> None:
        self._properties = properties
        self._extract = extract

    @classmethod
    def get_name(cls) -> str:
        return "function"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [ANY_SCHEMA]

    def extract(self, output_schema: Schema) -> Message:
        return _as_message(self._extract(self._properties), output_schema)


class FunctionAnalyser(Analyser):
    """An analyser that calls a function with its properties and inputs; the function returns content or a message."""

    def __init__(self, properties: Mapping[str, Any], process: Process) -> None:
        self._properties = properties
        self._process = process

    @classmethod
    def get_name(cls) -> str:
        return "function"

    @classmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        return [[ANY_SCHEMA]]

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [ANY_SCHEMA]

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        return _as_message(self._process(self._properties, inputs), output_schema)


class FunctionFactory(ComponentFactory[T], Generic[T]):
    """Creates components of `component_class` that call a function."""

    def __init__(self, component_class: type[T], function: Callable[..., Any]) -> None:
        super().__init__()
        self._component_class = component_class
        self._function = function

    @property
    def component_class(self) -> type[T]:
        return self._component_class

    def create(self, properties: Mapping[str, Any]) -> T:
        return self._component_class(properties, self._function)  # type: ignore[call-arg]  # both classes above accept these


@dataclass(frozen=True)
class FunctionRegistry:
    """A registry for the Planner and the executor."""

    container: ServiceContainer
    connector_factories: Mapping[str, ComponentFactory[Any]]
    analyser_factories: Mapping[str, ComponentFactory[Any]]


def registry_of(
    store: ArtifactStore,
    *,
    connectors: Mapping[str, Extract] | None = None,
    analysers: Mapping[str, Process] | None = None,
) -> Any:
    """Return a registry of components that call functions, by type."""
    container = ServiceContainer()
    container.register(ServiceDescriptor(ArtifactStore, ExistingService(store)))
    return FunctionRegistry(
        container,
        {name: FunctionFactory(FunctionConnector, extract) for name, extract in (connectors or {}).items()},
        {name: FunctionFactory(FunctionAnalyser, process) for name, process in (analysers or {}).items()},
    )


def plan_of(artifacts: Mapping[str, Mapping[str, Any]], **config: Any) -> ExecutionPlan:
    """Return a plan of artifacts as in a runbook, all of one schema; `config` is the runbook's."""
    runbook = Runbook.model_validate(
        {"name": "by hand", "description": "created for a test", "config": config, "artifacts": dict(artifacts)}
    )
    schemas = {
        artifact_id: ([ANY_SCHEMA] if definition.inputs else None, ANY_SCHEMA)
        for artifact_id, definition in runbook.artifacts.items()
    }
    return ExecutionPlan(runbook, ExecutionDAG(runbook.artifacts), schemas)


def plan_of_dag(dag: Mapping[str, Sequence[str]], **config: Any) -> ExecutionPlan:
    """Return a plan from {artifact: inputs}; the component `make` produces all, with the artifact's id as `name`."""
    return plan_of(
        {
            artifact_id: {
                **({"inputs": list(inputs)} if inputs else {}),
                ("process" if inputs else "source"): {"type": "make", "properties": {"name": artifact_id}},
            }
            for artifact_id, inputs in dag.items()
        },
        **config,
    )


def _as_message(result: Any, schema: Schema) -> Message:
    return result if isinstance(result, Message) else Message("", result, schema)
