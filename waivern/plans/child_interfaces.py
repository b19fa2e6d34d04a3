"""Checks that the inputs and outputs of child runbooks match what their parents map to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from waivern.errors import MessageError, did_you_mean
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message
from waivern.plans.child_runbooks import RunbookNode
from waivern.plans.references import References, UnresolvedReferenceError

_MAPPING = ("child_runbook", "input_mapping")


@dataclass(frozen=True)
class RequiredSchema:
    """The schema that a child runbook's input requires of the artifact mapped to it."""

    artifact_id: str
    schema: Schema
    child: RunbookNode
    input_name: str

    def problem(self, message: str) -> str:
        """Return a problem with the file and line of the mapping."""
        return _problem_in_parent(self.child, message, *_MAPPING, key=self.input_name)


def check_interfaces(main: RunbookNode, references: References, problems: list[str]) -> list[RequiredSchema]:
    """Check the inputs, outputs and mappings of every child, and return the schemas that its inputs require."""
    required_schemas: list[RequiredSchema] = []
    problems.extend(_required_inputs_of_main(main))
    for node in main.walk():
        problems.extend(_invalid_defaults(node))
        problems.extend(_unresolved_outputs(node, references))
        if node.parent is not None:
            problems.extend(_sources_beside_inputs(node))
            problems.extend(_invalid_mappings(node))
            problems.extend(_unknown_outputs(node))
            required_schemas.extend(_required_schemas(node, references, problems))
    return required_schemas


def _problem_in_parent(child: RunbookNode, message: str, *key_path: str, key: str | None = None) -> str:
    assert child.parent is not None
    return child.parent.problem_at(message, "artifacts", child.parent_artifact_id, *key_path, key=key)


def _required_inputs_of_main(main: RunbookNode) -> Iterator[str]:
    for name, declared in main.loaded.runbook.inputs.items():
        if not declared.optional:
            message = "this input is required, so the runbook can only run as a child runbook"
            yield main.problem_at(message, "inputs", name)


def _invalid_defaults(node: RunbookNode) -> Iterator[str]:
    for name, declared in node.loaded.runbook.inputs.items():
        try:
            if declared.default is not None:
                check_message(Message(name, declared.default, declared.schema_of_input))
        except MessageError as error:
            yield node.problem_at(str(error), "inputs", name, key="default")


def _unresolved_outputs(node: RunbookNode, references: References) -> Iterator[str]:
    for name, output in node.loaded.runbook.outputs.items():
        try:
            references.resolve(node, output.artifact)
        except UnresolvedReferenceError as error:
            if str(error):
                yield node.problem_at(str(error), "outputs", name, "artifact")


def _sources_beside_inputs(node: RunbookNode) -> Iterator[str]:
    runbook = node.loaded.runbook
    if runbook.inputs:
        for artifact_id, definition in runbook.artifacts.items():
            if definition.source is not None:
                message = "a child runbook with inputs must not have a source"
                yield node.problem_at(message, "artifacts", artifact_id, "source")


def _invalid_mappings(child: RunbookNode) -> Iterator[str]:
    declared, mapping = child.loaded.runbook.inputs, child.child_config.input_mapping
    inputs = child.parent_artifact.inputs
    for name in mapping:
        if name not in declared:
            message = _unknown(f"the child runbook has no input '{name}'", name, declared)
            yield _problem_in_parent(child, message, *_MAPPING, key=name)
        elif inputs and mapping[name] not in inputs:
            message = f"'{mapping[name]}' is not among the artifact's inputs: add it there, or remove inputs"
            yield _problem_in_parent(child, message, *_MAPPING, key=name)
    for name in inputs:
        if name not in mapping.values():
            message = f"'{name}' is not mapped to an input of the child runbook: add it to input_mapping"
            yield _problem_in_parent(child, message, "inputs")
    for name, required in declared.items():
        if name not in mapping and not required.optional:
            yield _problem_in_parent(child, f"the child runbook's input '{name}' is not mapped", *_MAPPING)


def _unknown_outputs(child: RunbookNode) -> Iterator[str]:
    config, outputs = child.child_config, child.loaded.runbook.outputs
    if config.output is not None and config.output not in outputs:
        message = _unknown(f"the child runbook has no output '{config.output}'", config.output, outputs)
        yield _problem_in_parent(child, message, "child_runbook", key="output")
    for name in config.output_mapping or {}:
        if name not in outputs:
            message = _unknown(f"the child runbook has no output '{name}'", name, outputs)
            yield _problem_in_parent(child, message, "child_runbook", "output_mapping", key=name)


def _required_schemas(child: RunbookNode, references: References, problems: list[str]) -> Iterator[RequiredSchema]:
    assert child.parent is not None
    declared = child.loaded.runbook.inputs
    for name, mapped in child.child_config.input_mapping.items():
        try:
            artifact_id = references.resolve(child.parent, mapped)
        except UnresolvedReferenceError as error:
            if str(error):
                problems.append(_problem_in_parent(child, str(error), *_MAPPING, key=name))
            continue
        if name in declared and artifact_id is not None:
            yield RequiredSchema(artifact_id, declared[name].schema_of_input, child, name)
        elif name in declared and not declared[name].optional:
            message = f"the child runbook requires '{name}', but '{mapped}' is an optional input without a value"
            problems.append(_problem_in_parent(child, message, *_MAPPING, key=name))


def _unknown(message: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    return f"{message}. {did_you_mean(name, names) or 'It has: ' + (', '.join(names) or 'none')}"
