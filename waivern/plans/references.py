"""Resolves names in runbooks to artifacts: own artifacts, outputs of child runbooks, and inputs."""

from collections.abc import Iterable

from waivern.errors import did_you_mean
from waivern.plans.child_runbooks import RunbookNode

MAX_SUGGESTIONS = 20  # searching similar names among all names takes minutes if thousands are wrong


class UnresolvedReferenceError(Exception):
    """A name that resolves to no artifact. The text is empty if the reason is reported as a different problem."""


class References:
    """The names of every runbook in a tree. Names that are defined twice are added to `problems`."""

    def __init__(self, main: RunbookNode, problems: list[str]) -> None:
        self._child_outputs: dict[RunbookNode, dict[str, tuple[str, str]]] = {}
        self._suggestions_left = MAX_SUGGESTIONS
        for node in main.walk():
            self._child_outputs[node] = _child_outputs(node, problems)

    def aliases(self, node: RunbookNode) -> Iterable[str]:
        """Return the names that a runbook gives to outputs of its child runbooks."""
        return self._child_outputs[node]

    def owner_of(self, node: RunbookNode, alias: str) -> str:
        """Return the artifact of `node` whose child runbook has the output with this alias."""
        return self._child_outputs[node][alias][0]

    def resolve(self, node: RunbookNode, name: str) -> str | None:
        """Return the final id of the artifact that `name` refers to in `node`.

        An input that is not mapped resolves to its default, which is an artifact of its own, or to None if it is
        optional and has no default.

        Raises:
            UnresolvedReferenceError: the name refers to nothing.
        """
        visited: set[tuple[RunbookNode, str]] = set()
        while (node, name) not in visited:
            visited.add((node, name))
            runbook = node.loaded.runbook
            if name in self._child_outputs[node]:
                node, name = _output_of_child(node, *self._child_outputs[node][name])
            elif name in runbook.artifacts and runbook.artifacts[name].child_runbook is None:
                return node.prefix + name
            elif name in runbook.inputs:
                mapped = node.child_config.input_mapping.get(name) if node.parent is not None else None
                if node.parent is None or mapped is None:
                    return _unmapped_input(node, name)
                node, name = node.parent, mapped
            else:
                raise UnresolvedReferenceError(self._unknown(node, name) if len(visited) == 1 else "")
        raise UnresolvedReferenceError(f"'{name}' refers to itself through outputs of child runbooks")

    def _unknown(self, node: RunbookNode, name: str) -> str:
        runbook = node.loaded.runbook
        if name in runbook.artifacts:
            names = [alias for alias, (artifact_id, _) in self._child_outputs[node].items() if artifact_id == name]
            return f"'{name}' has several outputs: use one of {', '.join(names)}"
        self._suggestions_left -= 1
        if self._suggestions_left < 0:
            return f"there is no artifact '{name}'"
        own = [artifact_id for artifact_id, definition in runbook.artifacts.items() if definition.child_runbook is None]
        known = [*own, *self._child_outputs[node], *runbook.inputs]
        return " ".join(filter(None, (f"there is no artifact '{name}'.", did_you_mean(name, known)))).rstrip(".")


def _unmapped_input(node: RunbookNode, name: str) -> str | None:
    declared = node.loaded.runbook.inputs[name]
    if declared.default is not None:
        return node.prefix + name
    if declared.optional:
        return None
    raise UnresolvedReferenceError("")


def _child_outputs(node: RunbookNode, problems: list[str]) -> dict[str, tuple[str, str]]:
    """Return by name: the artifact with the child runbook, and the child's output that the name refers to."""
    runbook = node.loaded.runbook
    outputs: dict[str, tuple[str, str]] = {}
    repeated = [name for name in runbook.artifacts if name in runbook.inputs]
    problems.extend(node.problem_at(f"'{name}' is also the name of an input", "artifacts", name) for name in repeated)
    for artifact_id, definition in runbook.artifacts.items():
        config = definition.child_runbook
        if config is not None and config.output is not None:
            outputs[artifact_id] = (artifact_id, config.output)
    for artifact_id, definition in runbook.artifacts.items():
        mapping = definition.child_runbook.output_mapping if definition.child_runbook is not None else None
        for output, name in (mapping or {}).items():
            taken = name in outputs or name in runbook.inputs or (name in runbook.artifacts and name != artifact_id)
            if taken:
                key_path = ("artifacts", artifact_id, "child_runbook", "output_mapping")
                problems.append(node.problem_at(f"the name '{name}' is already used", *key_path, key=output))
            else:
                outputs[name] = (artifact_id, output)
    return outputs


def _output_of_child(node: RunbookNode, artifact_id: str, output: str) -> tuple[RunbookNode, str]:
    child = node.children.get(artifact_id)
    if child is None or output not in child.loaded.runbook.outputs:
        raise UnresolvedReferenceError("")
    return child, child.loaded.runbook.outputs[output].artifact
