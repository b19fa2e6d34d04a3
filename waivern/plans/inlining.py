"""Inlines child runbooks: one flat set of artifacts from a runbook and its children."""

from dataclasses import dataclass, field

from waivern.plans.child_runbooks import RunbookNode
from waivern.plans.references import References, UnresolvedReferenceError
from waivern.runbooks.model.artifact_definition import ArtifactDefinition
from waivern.runbooks.model.retention import Retention
from waivern.runbooks.model.runbook import RunbookInput


@dataclass
class InlinedArtifacts:
    """All artifacts by final id; their inputs are final ids too.

    Args:
        artifacts: The definitions.
        origins: By final id, where the artifact is defined: the runbook and the id in it.
        aliases: From the names of child outputs to final ids.
        defaults: By final id, the inputs that are not mapped and use their default instead.
        incomplete: The artifacts with an input that could not be resolved.
    """

    artifacts: dict[str, ArtifactDefinition] = field(default_factory=dict)
    origins: dict[str, tuple[RunbookNode, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, RunbookInput] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)

    def problem_at(self, artifact_id: str, message: str, *key_path: str | int, key: str | int | None = None) -> str:
        """Return a problem of an artifact with file and line; `key_path` is relative to the artifact."""
        node, id_in_runbook = self.origins[artifact_id]
        return node.problem_at(message, "artifacts", id_in_runbook, *key_path, key=key)


def inline_children(main: RunbookNode, references: References, problems: list[str]) -> InlinedArtifacts:
    """Return all artifacts of the tree with resolved inputs. Unresolved references are added to `problems`."""
    inliner = _Inliner(references, problems)
    inliner.inline_node(main, optional=False, retain=None)
    inliner.add_aliases(main)
    return inliner.inlined


class _Inliner:
    def __init__(self, references: References, problems: list[str]) -> None:
        self._references = references
        self._problems = problems
        self.inlined = InlinedArtifacts()

    def inline_node(self, node: RunbookNode, *, optional: bool, retain: Retention | None) -> None:
        """Add the artifacts of a runbook and of its children.

        `optional` and `retain` are inherited from the parent; a `retain` of this runbook overrides the inherited one.
        """
        retain = _first_given(node.loaded.runbook.retain, retain)
        mapped = node.child_config.input_mapping if node.parent is not None else {}
        for name, declared in node.loaded.runbook.inputs.items():
            if declared.default is not None and name not in mapped:
                self._inline_default(node, name, declared, retain)
        for artifact_id, definition in node.loaded.runbook.artifacts.items():
            child = node.children.get(artifact_id)
            if child is not None:
                inherited_retain = _first_given(definition.retain, retain)
                self.inline_node(child, optional=optional or definition.optional, retain=inherited_retain)
            elif definition.child_runbook is None:
                inherited = {
                    "optional": optional or definition.optional,
                    "retain": _first_given(definition.retain, retain),
                }
                self._inline_artifact(node, artifact_id, definition.model_copy(update=inherited))

    def add_aliases(self, main: RunbookNode) -> None:
        """Record the aliases of child outputs. An artifact whose parent artifact is an output becomes an output too."""
        for node in main.walk():
            for name in self._references.aliases(node):
                try:
                    final_id = self._references.resolve(node, name)
                except UnresolvedReferenceError:  # reported where it is used, or by the check of the child's outputs
                    continue
                if final_id is not None:
                    self.inlined.aliases[node.prefix + name] = final_id
                    if node.loaded.runbook.artifacts[self._references.owner_of(node, name)].output:
                        marked = self.inlined.artifacts[final_id].model_copy(update={"output": True})
                        self.inlined.artifacts[final_id] = marked

    def _inline_default(self, node: RunbookNode, name: str, declared: RunbookInput, retain: Retention | None) -> None:
        final_id = node.prefix + name
        self.inlined.origins[final_id] = (node, name)
        self.inlined.defaults[final_id] = declared
        # Without validation, which refuses an artifact that has neither source nor inputs.
        self.inlined.artifacts[final_id] = ArtifactDefinition.model_construct(retain=retain)

    def _inline_artifact(self, node: RunbookNode, artifact_id: str, definition: ArtifactDefinition) -> None:
        final_id = node.prefix + artifact_id
        self.inlined.origins[final_id] = (node, artifact_id)
        inputs = self._resolve_inputs(final_id, definition)
        self.inlined.artifacts[final_id] = definition.model_copy(update={"inputs": inputs})

    def _resolve_inputs(self, final_id: str, definition: ArtifactDefinition) -> tuple[str, ...]:
        node, _ = self.inlined.origins[final_id]
        names: dict[str, str] = {}  # from the final id of an input to the name that it was resolved from
        for index, name in enumerate(definition.inputs):
            try:
                resolved = self._references.resolve(node, name)
            except UnresolvedReferenceError as error:
                self._add_unresolved(final_id, str(error), index)
                continue
            if resolved in names:
                self._add_unresolved(final_id, f"'{names[resolved]}' and '{name}' are the same artifact", index)
            elif resolved is not None:
                names[resolved] = name
        if definition.inputs and not names and final_id not in self.inlined.incomplete:
            message = f"all inputs are optional and none is mapped: map '{definition.inputs[0]}' to an artifact"
            self._add_unresolved(final_id, message, 0)
        return tuple(names)

    def _add_unresolved(self, final_id: str, message: str, index: int) -> None:
        self.inlined.incomplete.add(final_id)
        if message:
            self._problems.append(self.inlined.problem_at(final_id, message, "inputs", key=index))


def _first_given(retain: Retention | None, inherited: Retention | None) -> Retention | None:
    return inherited if retain is None else retain
