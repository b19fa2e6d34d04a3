"""Whether the components that a runbook names exist, take their properties, and find their variables set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from waivern.components.environment import looking_up_in
from waivern.components.factory import ComponentFactory
from waivern.components.registry import ComponentRegistry
from waivern.components.working_directory import working_in
from waivern.errors import ComponentNotFoundError, InvalidPropertiesError, RunbookError, WaivernError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema
from waivern.plans.inlining import Spliced
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, ProcessConfig, SourceConfig
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import Overlaid, Variable, resolve, variables_in

Kind = Literal["connector", "analyser"]
PropertyFault = tuple[tuple[str, ...], str]  # the keys that lead to a property, and what is wrong with it


@dataclass(frozen=True)
class KnownComponent:
    """What a component says of itself before it is made; `takes` are an analyser's combinations of input schemas."""

    name: str
    kind: Kind
    makes: tuple[Schema, ...]
    takes: tuple[tuple[Schema, ...], ...] = ()


def component_of(
    definition: ArtifactDefinition,
) -> tuple[Kind, Literal["source", "process"], SourceConfig | ProcessConfig] | None:
    """Return what kind of component makes the artifact, under which key it stands, and its configuration."""
    if definition.source is not None:
        return "connector", "source", definition.source
    if definition.process is not None:
        return "analyser", "process", definition.process
    return None


class ComponentChecks:
    """Asks the registry about components; each type and each set of properties is looked at once."""

    def __init__(self, registry: ComponentRegistry, environment: Mapping[str, str]) -> None:
        self._registry = registry
        self._environment = environment
        self._known: dict[tuple[Kind, str], KnownComponent | str] = {}
        self._faults: dict[tuple[Kind, str, bytes, Path], list[PropertyFault]] = {}
        self.variables: set[str] = set()

    def check(self, spliced: Spliced, folders: Mapping[str, Path], problems: list[str]) -> dict[str, KnownComponent]:
        """Return the component of every artifact that has a known one; what is wrong with one is a problem."""
        components: dict[str, KnownComponent] = {}
        for artifact_id, definition in spliced.artifacts.items():
            named = component_of(definition)
            if named is None:
                continue
            kind, section, config = named
            for place, what in self._unset_variables(config.properties):
                problems.append(spliced.located(artifact_id, what, section, "properties", key=place))
            known = self._component(kind, config.type)
            if isinstance(known, str):
                problems.append(spliced.located(artifact_id, known, section, key="type"))
                continue
            components[artifact_id] = known
            for steps, what in self._faults_of(kind, config, folders[artifact_id]):
                problems.append(spliced.located(artifact_id, what, section, "properties", *steps))
        return components

    def _component(self, kind: Kind, name: str) -> KnownComponent | str:
        """The component, or why there is none."""
        if (kind, name) not in self._known:
            try:
                self._known[kind, name] = _described(name, kind, self._factory(kind, name).component_class)
            except WaivernError as error:
                self._known[kind, name] = str(error)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in may do anything, even leave
                self._known[kind, name] = f"the {kind} '{name}' is broken: {type(error).__name__}: {error}"
        return self._known[kind, name]

    def _factory(self, kind: Kind, name: str) -> ComponentFactory[Any]:
        factories: Mapping[str, ComponentFactory[Any]] = (
            self._registry.connector_factories if kind == "connector" else self._registry.analyser_factories
        )
        try:
            return factories[name]
        except ComponentNotFoundError:
            raise
        except KeyError:  # a registry made by hand is a plain dict
            raise ComponentNotFoundError(kind, name, factories) from None

    def _unset_variables(self, properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, value in properties.items():
            for variable in self._variables_of(value):
                self.variables.add(variable.name)
                if variable.value_in(self._environment) is None:
                    hint = f"set it, or write a default: ${{{variable.name}:-...}}"
                    yield name, f"'{name}' needs the environment variable {variable.name}, which is not set; {hint}"
            fault = _fault_of_variables(value)
            if fault is not None:
                yield name, fault

    def _variables_of(self, value: Any) -> list[Variable]:
        try:
            return variables_in(value)
        except RunbookError:
            return []

    def _faults_of(self, kind: Kind, config: SourceConfig | ProcessConfig, folder: Path) -> list[PropertyFault]:
        key = (kind, config.type, canonical_bytes(config.properties), folder)
        if key not in self._faults:
            self._faults[key] = self._faults_on_creating(kind, config, folder)
        return self._faults[key]

    def _faults_on_creating(
        self, kind: Kind, config: SourceConfig | ProcessConfig, folder: Path
    ) -> list[PropertyFault]:
        """Try the component; where variables are unset, only what has nothing to do with them is a fault."""
        unset, unsure = self._unset_in(config.properties)
        environment = Overlaid(self._environment, dict.fromkeys(unset, "unset"))
        try:
            properties = resolve(config.properties, environment)
        except RunbookError:  # noted by name already
            return []
        try:
            with working_in(folder), looking_up_in(self._environment, secrets=self.variables):
                self._factory(kind, config.type).create(properties)
        except InvalidPropertiesError as error:
            problems = {name: self._redacted(what) for name, what in error.problems.items()}
            faults = [(tuple(name.split(".")) if name else (), what) for name, what in problems.items()]
            return [(steps, what) for steps, what in faults if not unsure or (steps and steps[0] not in unsure)]
        except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in may do anything, even leave
            expected = isinstance(error, WaivernError)
            what = str(error) if expected else f"{config.type} cannot be made: {type(error).__name__}: {error}"
            return [] if unsure else [((), self._redacted(what))]
        return []

    def _redacted(self, text: str) -> str:
        return Redactor.for_variables(self.variables, self._environment).text(text)

    def _unset_in(self, properties: Mapping[str, Any]) -> tuple[set[str], set[str]]:
        """The unset variables, and the properties that they are used in."""
        unset: set[str] = set()
        unsure: set[str] = set()
        for name, value in properties.items():
            missing = {each.name for each in self._variables_of(value) if each.value_in(self._environment) is None}
            unset |= missing
            if missing:
                unsure.add(name)
        return unset, unsure


def _described(name: str, kind: Kind, component: Any) -> KnownComponent:
    makes = tuple(component.get_supported_output_schemas())
    takes = tuple(tuple(each) for each in component.get_input_requirements()) if kind == "analyser" else ()
    if not makes:
        raise RunbookError(f"the {kind} '{name}' names no schema that it can make")
    return KnownComponent(name, kind, makes, takes)


def _fault_of_variables(value: Any) -> str | None:
    try:
        variables_in(value)
    except RunbookError as error:
        return str(error)
    return None
