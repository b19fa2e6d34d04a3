"""Which schema every artifact has, and whether those who take it can."""

from collections.abc import Iterable, Mapping, Sequence

from waivern.messages.schema import Schema
from waivern.plans.child_interfaces import Demand
from waivern.plans.component_checks import KnownComponent
from waivern.plans.inlining import Spliced

Schemas = dict[str, tuple[list[Schema] | None, Schema]]


class SchemaResolution:
    """Goes through the artifacts in an order in which each comes after its inputs.

    Args:
        order: What can be resolved at all; an artifact in a circle is not among it.
        components: What makes an artifact, where that is known.
        given: The schema of what is not made here: taken over from an earlier run, or the default of an input.
        demands: What the inputs of child runbooks ask for.
    """

    def __init__(
        self,
        spliced: Spliced,
        *,
        order: Sequence[str],
        components: Mapping[str, KnownComponent],
        given: Mapping[str, Schema],
        demands: Sequence[Demand],
    ) -> None:
        self._spliced = spliced
        self._order = order
        self._components = components
        self._given = given
        self._demands = demands
        self._accepted: dict[str, set[Schema]] = {}

    def resolve(self, problems: list[str]) -> Schemas:
        """Return the schemas of every artifact; where those of an edge do not fit, that is a problem."""
        self._note_what_is_accepted()
        schemas: Schemas = {}
        for artifact_id in self._order:
            inputs = self._schemas_of_inputs(artifact_id, schemas)
            handed = self._handed_over(artifact_id, inputs, schemas, problems) if inputs is not None else None
            made = self._made(artifact_id, handed)
            if made is not None:
                schemas[artifact_id] = (handed or None, made)
        for demand in self._demands:
            _check_demand(demand, schemas, problems)
        return schemas

    def _note_what_is_accepted(self) -> None:
        """Ask from the last artifact to the first: what only passes its inputs on accepts what those after it do."""
        for demand in self._demands:
            self._narrow(demand.artifact_id, {demand.schema})
        for artifact_id in reversed(self._order):
            definition, component = self._spliced.artifacts[artifact_id], self._components.get(artifact_id)
            accepted = self._accepted.get(artifact_id)
            if definition.process is not None:
                accepted = {schema for each in component.takes for schema in each} if component is not None else None
            if accepted is not None:
                for needed in definition.inputs:
                    self._narrow(needed, accepted)

    def _narrow(self, artifact_id: str, accepted: set[Schema]) -> None:
        self._accepted[artifact_id] = self._accepted.get(artifact_id, accepted) & accepted

    def _schemas_of_inputs(self, artifact_id: str, schemas: Schemas) -> list[Schema] | None:
        """The distinct schemas in the order of the inputs; None where that of an input is not known."""
        inputs = self._spliced.artifacts[artifact_id].inputs
        if artifact_id in self._spliced.incomplete or any(needed not in schemas for needed in inputs):
            return None
        return list(dict.fromkeys(schemas[needed][1] for needed in inputs))

    def _handed_over(
        self, artifact_id: str, inputs: list[Schema], schemas: Schemas, problems: list[str]
    ) -> list[Schema] | None:
        """The inputs' schemas in the order in which the analyser takes them; None where they do not fit."""
        definition, component = self._spliced.artifacts[artifact_id], self._components.get(artifact_id)
        given = ", ".join(f"{schemas[needed][1]} from {needed}" for needed in definition.inputs[:10])
        if definition.process is None:
            if len(inputs) <= 1:
                return inputs
            what = f"inputs of different schemas are merged by an analyser only, and there is no process: {given}"
            problems.append(self._spliced.located(artifact_id, what, "inputs"))
            return None
        if component is None:
            return None
        for combination in component.takes:
            if set(combination) == set(inputs):
                return list(dict.fromkeys(combination))
        takes = " or ".join(_joined(each) for each in component.takes) or "nothing"
        what = f"the analyser '{component.name}' takes {takes}; it is given {given}"
        problems.append(self._spliced.located(artifact_id, what, "inputs"))
        return None

    def _made(self, artifact_id: str, handed: list[Schema] | None) -> Schema | None:
        definition, component = self._spliced.artifacts[artifact_id], self._components.get(artifact_id)
        if definition.reuse is not None or artifact_id in self._given:
            return self._given.get(artifact_id)
        if definition.source is None and definition.process is None:
            return handed[0] if handed else None
        if component is None:
            return None
        accepted = self._accepted.get(artifact_id, set(component.makes))
        return next((schema for schema in component.makes if schema in accepted), component.makes[0])


def _check_demand(demand: Demand, schemas: Schemas, problems: list[str]) -> None:
    if demand.artifact_id in schemas and schemas[demand.artifact_id][1] != demand.schema:
        made = schemas[demand.artifact_id][1]
        what = f"the child runbook's input '{demand.input_name}' is {demand.schema}; '{demand.artifact_id}' is {made}"
        problems.append(demand.located(what))


def _joined(combination: Iterable[Schema]) -> str:
    return " with ".join(str(schema) for schema in combination)
