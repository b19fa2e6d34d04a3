"""Whether what a child runbook declares and what its parent hands it fit together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from waivern.errors import MessageError, did_you_mean
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message
from waivern.plans.child_runbooks import Level
from waivern.plans.references import DanglingReferenceError, References

_MAPPING = ("child_runbook", "input_mapping")


@dataclass(frozen=True)
class Demand:
    """The input of a child runbook asks for a schema of the artifact that is mapped to it."""

    artifact_id: str
    schema: Schema
    child: Level
    input_name: str

    def located(self, what: str) -> str:
        return _located_in_parent(self.child, what, *_MAPPING, key=self.input_name)


def check_interfaces(main: Level, references: References, problems: list[str]) -> list[Demand]:
    """Check every child's inputs, outputs and mappings, and return what its inputs demand."""
    demands: list[Demand] = []
    problems.extend(_inputs_of_main(main))
    for level in main.walk():
        problems.extend(_unfit_defaults(level))
        problems.extend(_outputs_that_lead_nowhere(level, references))
        if level.parent is not None:
            problems.extend(_sources_beside_inputs(level))
            problems.extend(_unfit_mapping(level))
            problems.extend(_unknown_outputs(level))
            demands.extend(_demands(level, references, problems))
    return demands


def _located_in_parent(child: Level, what: str, *place: str, key: str | None = None) -> str:
    assert child.parent is not None
    return child.parent.located(what, "artifacts", child.named_by, *place, key=key)


def _inputs_of_main(main: Level) -> Iterator[str]:
    for name, declared in main.loaded.runbook.inputs.items():
        if not declared.optional:
            yield main.located(
                "it is needed, and only a runbook that names this one as its child gives it", "inputs", name
            )


def _unfit_defaults(level: Level) -> Iterator[str]:
    for name, declared in level.loaded.runbook.inputs.items():
        try:
            if declared.default is not None:
                check_message(Message(name, declared.default, declared.schema_of_input))
        except MessageError as error:
            yield level.located(str(error), "inputs", name, key="default")


def _outputs_that_lead_nowhere(level: Level, references: References) -> Iterator[str]:
    for output, named in level.loaded.runbook.outputs.items():
        try:
            references.meaning(level, named.artifact)
        except DanglingReferenceError as error:
            if str(error):
                yield level.located(str(error), "outputs", output, "artifact")


def _sources_beside_inputs(level: Level) -> Iterator[str]:
    runbook = level.loaded.runbook
    if runbook.inputs:
        for artifact_id, definition in runbook.artifacts.items():
            if definition.source is not None:
                yield level.located("a child runbook that has inputs has no source", "artifacts", artifact_id, "source")


def _unfit_mapping(child: Level) -> Iterator[str]:
    declared, mapping, inputs = child.loaded.runbook.inputs, child.child_config.input_mapping, child.stands_for.inputs
    for name in mapping:
        if name not in declared:
            what = _unknown(f"the child runbook has no input '{name}'", name, declared)
            yield _located_in_parent(child, what, *_MAPPING, key=name)
        elif inputs and mapping[name] not in inputs:
            what = f"'{mapping[name]}' is not among the artifact's inputs: add it there, or leave inputs out"
            yield _located_in_parent(child, what, *_MAPPING, key=name)
    for name in inputs:
        if name not in mapping.values():
            what = f"'{name}' is given to no input of the child runbook: add it to input_mapping"
            yield _located_in_parent(child, what, "inputs")
    for name, each in declared.items():
        if name not in mapping and not each.optional:
            yield _located_in_parent(child, f"the child runbook's input '{name}' is not mapped", *_MAPPING)


def _unknown_outputs(child: Level) -> Iterator[str]:
    config, outputs = child.child_config, child.loaded.runbook.outputs
    if config.output is not None and config.output not in outputs:
        what = _unknown(f"the child runbook has no output '{config.output}'", config.output, outputs)
        yield _located_in_parent(child, what, "child_runbook", key="output")
    for name in config.output_mapping or {}:
        if name not in outputs:
            what = _unknown(f"the child runbook has no output '{name}'", name, outputs)
            yield _located_in_parent(child, what, "child_runbook", "output_mapping", key=name)


def _demands(child: Level, references: References, problems: list[str]) -> Iterator[Demand]:
    assert child.parent is not None
    declared = child.loaded.runbook.inputs
    for name, mapped in child.child_config.input_mapping.items():
        try:
            artifact_id = references.meaning(child.parent, mapped)
        except DanglingReferenceError as error:
            if str(error):
                problems.append(_located_in_parent(child, str(error), *_MAPPING, key=name))
            continue
        if name in declared and artifact_id is not None:
            yield Demand(artifact_id, declared[name].schema_of_input, child, name)
        elif name in declared and not declared[name].optional:
            what = f"the child runbook needs '{name}', and '{mapped}' is an optional input that is not given"
            problems.append(_located_in_parent(child, what, *_MAPPING, key=name))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    return f"{what}. {did_you_mean(name, names) or 'It has: ' + (', '.join(names) or 'none')}"
