"""Resolves the schema of every artifact, and checks that analysers accept the schemas of their inputs."""

from collections.abc import Iterable, Mapping, Sequence

from waivern.messages.schema import Schema
from waivern.plans.child_interfaces import RequiredSchema
from waivern.plans.component_checks import ComponentSchemas
from waivern.plans.inlining import InlinedArtifacts

ArtifactSchemas = dict[str, tuple[list[Schema] | None, Schema]]


class SchemaResolution:
    """Resolves schemas in topological order.

    Args:
        inlined: The artifacts.
        order: Their topological order, without artifacts in a cycle.
        components: The schemas of each artifact's component, if the component is known.
        known_schemas: The schemas of artifacts that are not produced here: reused ones and defaults of inputs.
        required_schemas: The schemas that the inputs of child runbooks require.
    """

    def __init__(
        self,
        inlined: InlinedArtifacts,
        *,
        order: Sequence[str],
        components: Mapping[str, ComponentSchemas],
        known_schemas: Mapping[str, Schema],
        required_schemas: Sequence[RequiredSchema],
    ) -> None:
        self._inlined = inlined
        self._order = order
        self._components = components
        self._known_schemas = known_schemas
        self._required_schemas = required_schemas
        self._accepted: dict[str, set[Schema]] = {}

    def resolve(self, problems: list[str]) -> ArtifactSchemas:
        """Return the schemas of every artifact, and add schemas that do not match to `problems`."""
        self._collect_accepted_schemas()
        schemas: ArtifactSchemas = {}
        for artifact_id in self._order:
            distinct = self._distinct_input_schemas(artifact_id, schemas)
            inputs = self._input_schemas(artifact_id, distinct, schemas, problems) if distinct is not None else None
            output = self._output_schema(artifact_id, inputs)
            if output is not None:
                schemas[artifact_id] = (inputs or None, output)
        for required in self._required_schemas:
            _check_required_schema(required, schemas, problems)
        return schemas

    def _collect_accepted_schemas(self) -> None:
        """Collect what the dependents of each artifact accept.

        From the last artifact to the first, because an artifact without a component passes its inputs on and so
        accepts what its own dependents accept.
        """
        for required in self._required_schemas:
            self._restrict(required.artifact_id, {required.schema})
        for artifact_id in reversed(self._order):
            definition, component = self._inlined.artifacts[artifact_id], self._components.get(artifact_id)
            accepted = self._accepted.get(artifact_id)
            if definition.process is not None:
                combinations = None if component is None else component.input_combinations
                accepted = None if combinations is None else {schema for schemas in combinations for schema in schemas}
            if accepted is not None:
                for needed in definition.inputs:
                    self._restrict(needed, accepted)

    def _restrict(self, artifact_id: str, accepted: set[Schema]) -> None:
        self._accepted[artifact_id] = self._accepted.get(artifact_id, accepted) & accepted

    def _distinct_input_schemas(self, artifact_id: str, schemas: ArtifactSchemas) -> list[Schema] | None:
        """Return the distinct schemas in the order of the inputs, or None if one of them is not known."""
        inputs = self._inlined.artifacts[artifact_id].inputs
        if artifact_id in self._inlined.incomplete or any(needed not in schemas for needed in inputs):
            return None
        return list(dict.fromkeys(schemas[needed][1] for needed in inputs))

    def _input_schemas(
        self, artifact_id: str, distinct: list[Schema], schemas: ArtifactSchemas, problems: list[str]
    ) -> list[Schema] | None:
        """Return the schemas of the inputs in the order that the analyser declares, or None if they do not match."""
        definition, component = self._inlined.artifacts[artifact_id], self._components.get(artifact_id)
        actual = ", ".join(f"{schemas[needed][1]} from {needed}" for needed in definition.inputs[:10])
        if definition.process is None:
            if len(distinct) <= 1:
                return distinct
            message = f"inputs with different schemas need a process to merge them: {actual}"
            problems.append(self._inlined.problem_at(artifact_id, message, "inputs"))
            return None
        if component is None:
            return None
        for combination in component.input_combinations:
            if set(combination) == set(distinct):
                return list(dict.fromkeys(combination))
        accepted = " or ".join(_joined(combination) for combination in component.input_combinations) or "nothing"
        message = f"the analyser '{component.name}' accepts {accepted}, but its inputs are {actual}"
        problems.append(self._inlined.problem_at(artifact_id, message, "inputs"))
        return None

    def _output_schema(self, artifact_id: str, inputs: list[Schema] | None) -> Schema | None:
        definition, component = self._inlined.artifacts[artifact_id], self._components.get(artifact_id)
        if definition.reuse is not None or artifact_id in self._known_schemas:
            return self._known_schemas.get(artifact_id)
        if definition.source is None and definition.process is None:
            return inputs[0] if inputs else None
        if component is None:
            return None
        accepted = self._accepted.get(artifact_id, set(component.output_schemas))
        return next((schema for schema in component.output_schemas if schema in accepted), component.output_schemas[0])


def _check_required_schema(required: RequiredSchema, schemas: ArtifactSchemas, problems: list[str]) -> None:
    if required.artifact_id in schemas and schemas[required.artifact_id][1] != required.schema:
        actual = schemas[required.artifact_id][1]
        problems.append(
            required.problem(
                f"the child runbook's input '{required.input_name}' requires {required.schema}, "
                f"but '{required.artifact_id}' is {actual}"
            )
        )


def _joined(combination: Iterable[Schema]) -> str:
    return " with ".join(str(schema) for schema in combination)
