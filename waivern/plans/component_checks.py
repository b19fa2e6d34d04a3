"""Checks that components are installed, accept their properties, and have their variables set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from waivern.components.environment import use_environment
from waivern.components.factory import ComponentFactory
from waivern.components.registry import ComponentRegistry
from waivern.components.working_directory import use_working_directory
from waivern.errors import ComponentNotFoundError, InvalidPropertiesError, RunbookError, WaivernError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema
from waivern.plans.inlining import InlinedArtifacts
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, ProcessConfig, SourceConfig
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import OverlayEnvironment, Variable, find_variables, resolve

Kind = Literal["connector", "analyser"]
PropertyProblem = tuple[tuple[str, ...], str]  # the key path of a property, and the message


@dataclass(frozen=True)
class ComponentSchemas:
    """The schemas that a component declares; `input_combinations` is empty for a connector."""

    name: str
    output_schemas: tuple[Schema, ...]
    input_combinations: tuple[tuple[Schema, ...], ...] = ()


def component_of(
    definition: ArtifactDefinition,
) -> tuple[Kind, Literal["source", "process"], SourceConfig | ProcessConfig] | None:
    """Return the kind of component that produces the artifact, the key of its section, and the section."""
    if definition.source is not None:
        return "connector", "source", definition.source
    if definition.process is not None:
        return "analyser", "process", definition.process
    return None


class ComponentChecks:
    """Checks components with the registry. Equal components and properties are checked once."""

    def __init__(self, registry: ComponentRegistry, environment: Mapping[str, str]) -> None:
        self._registry = registry
        self._environment = environment
        self._schemas_by_name: dict[tuple[Kind, str], ComponentSchemas | str] = {}
        self._checked: dict[tuple[Kind, str, bytes, Path], list[PropertyProblem]] = {}
        self.variables: set[str] = set()

    def check(
        self, inlined: InlinedArtifacts, folders: Mapping[str, Path], problems: list[str]
    ) -> dict[str, ComponentSchemas]:
        """Return the schemas of each artifact's component, and add what is wrong to `problems`."""
        components: dict[str, ComponentSchemas] = {}
        for artifact_id, definition in inlined.artifacts.items():
            component = component_of(definition)
            if component is None:
                continue
            kind, section, config = component
            for name, message in self._variable_problems(config.properties):
                problems.append(inlined.problem_at(artifact_id, message, section, "properties", key=name))
            schemas = self._schemas(kind, config.type)
            if isinstance(schemas, str):
                problems.append(inlined.problem_at(artifact_id, schemas, section, key="type"))
                continue
            components[artifact_id] = schemas
            for steps, message in self._property_problems(kind, config, folders[artifact_id]):
                problems.append(inlined.problem_at(artifact_id, message, section, "properties", *steps))
        return components

    def _schemas(self, kind: Kind, name: str) -> ComponentSchemas | str:
        """Return the schemas of a component, or why it cannot be used."""
        if (kind, name) not in self._schemas_by_name:
            try:
                self._schemas_by_name[kind, name] = _read_schemas(name, kind, self._factory(kind, name).component_class)
            except WaivernError as error:
                self._schemas_by_name[kind, name] = str(error)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in may raise anything, even exit
                self._schemas_by_name[kind, name] = f"the {kind} '{name}' is broken: {type(error).__name__}: {error}"
        return self._schemas_by_name[kind, name]

    def _factory(self, kind: Kind, name: str) -> ComponentFactory[Any]:
        factories: Mapping[str, ComponentFactory[Any]] = (
            self._registry.connector_factories if kind == "connector" else self._registry.analyser_factories
        )
        try:
            return factories[name]
        except ComponentNotFoundError:
            raise
        except KeyError:  # a registry built by hand may hold plain dicts
            raise ComponentNotFoundError(kind, name, factories) from None

    def _variable_problems(self, properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, value in properties.items():
            for variable in self._variables_of(value):
                self.variables.add(variable.name)
                if variable.value_in(self._environment) is None:
                    remedy = f"set it, or write a default: ${{{variable.name}:-...}}"
                    yield name, f"'{name}' needs the environment variable {variable.name}, which is not set; {remedy}"
            problem = _malformed_variable(value)
            if problem is not None:
                yield name, problem

    def _variables_of(self, value: Any) -> list[Variable]:
        try:
            return find_variables(value)
        except RunbookError:
            return []

    def _property_problems(
        self, kind: Kind, config: SourceConfig | ProcessConfig, folder: Path
    ) -> list[PropertyProblem]:
        key = (kind, config.type, canonical_bytes(config.properties), folder)
        if key not in self._checked:
            self._checked[key] = self._try_creating(kind, config, folder)
        return self._checked[key]

    def _try_creating(self, kind: Kind, config: SourceConfig | ProcessConfig, folder: Path) -> list[PropertyProblem]:
        """Create the component and return its problems, without those that may be caused by unset variables."""
        unset, affected = self._unset_in(config.properties)
        environment = OverlayEnvironment(self._environment, dict.fromkeys(unset, "unset"))
        try:
            properties = resolve(config.properties, environment)
        except RunbookError:  # already reported for the property
            return []
        try:
            with use_working_directory(folder), use_environment(self._environment, secrets=self.variables):
                self._factory(kind, config.type).create(properties)
        except InvalidPropertiesError as error:
            problems = [
                (tuple(name.split(".")) if name else (), self._redact(message))
                for name, message in error.problems.items()
            ]
            return [
                (steps, message) for steps, message in problems if not affected or (steps and steps[0] not in affected)
            ]
        except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in may raise anything, even exit
            expected = isinstance(error, WaivernError)
            message = str(error) if expected else f"cannot create {config.type}: {type(error).__name__}: {error}"
            return [] if affected else [((), self._redact(message))]
        return []

    def _redact(self, text: str) -> str:
        return Redactor.for_variables(self.variables, self._environment).text(text)

    def _unset_in(self, properties: Mapping[str, Any]) -> tuple[set[str], set[str]]:
        """Return the unset variables, and the properties that use them."""
        unset: set[str] = set()
        affected: set[str] = set()
        for name, value in properties.items():
            missing = {
                variable.name for variable in self._variables_of(value) if variable.value_in(self._environment) is None
            }
            unset |= missing
            if missing:
                affected.add(name)
        return unset, affected


def _read_schemas(name: str, kind: Kind, component: Any) -> ComponentSchemas:
    output_schemas = tuple(component.get_supported_output_schemas())
    requirements = component.get_input_requirements() if kind == "analyser" else ()
    input_combinations = tuple(tuple(combination) for combination in requirements)
    if not output_schemas:
        raise RunbookError(f"the {kind} '{name}' declares no output schema")
    return ComponentSchemas(name, output_schemas, input_combinations)


def _malformed_variable(value: Any) -> str | None:
    try:
        find_variables(value)
    except RunbookError as error:
        return str(error)
    return None
