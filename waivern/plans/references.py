"""What the names in a runbook mean: its artifacts, what its child runbooks hand back, what it is given as a child."""

from collections.abc import Iterable

from waivern.errors import did_you_mean
from waivern.plans.child_runbooks import Level

MOST_SUGGESTIONS = 20  # a near name is looked for among all names: thousands of times, that would take minutes


class DanglingReferenceError(Exception):
    """A name leads to no artifact. The text says why; it is empty where the reason is noted as a problem elsewhere."""


class References:
    """The names of every level of a tree; two things of one name are noted as a problem."""

    def __init__(self, main: Level, problems: list[str]) -> None:
        self._handed_back: dict[Level, dict[str, tuple[str, str]]] = {}
        self._suggestions_left = MOST_SUGGESTIONS
        for level in main.walk():
            self._handed_back[level] = _handed_back(level, problems)

    def aliases(self, level: Level) -> Iterable[str]:
        """The names by which `level` refers to artifacts of its child runbooks."""
        return self._handed_back[level]

    def stands_behind(self, level: Level, alias: str) -> str:
        """Return the artifact of `level` whose child runbook hands back what goes by the name `alias`."""
        return self._handed_back[level][alias][0]

    def meaning(self, level: Level, name: str) -> str | None:
        """Return the final id of the artifact that `name` stands for in `level`.

        An input that is not given stands for its default, which is an artifact of its own; an optional one without a
        default stands for None.

        Raises:
            DanglingReferenceError: it stands for none.
        """
        passed: set[tuple[Level, str]] = set()
        while (level, name) not in passed:
            passed.add((level, name))
            runbook = level.loaded.runbook
            if name in self._handed_back[level]:
                level, name = _behind_output(level, *self._handed_back[level][name])
            elif name in runbook.artifacts and runbook.artifacts[name].child_runbook is None:
                return level.prefix + name
            elif name in runbook.inputs:
                mapped = level.child_config.input_mapping.get(name) if level.parent is not None else None
                if level.parent is None or mapped is None:
                    return _not_given(level, name)
                level, name = level.parent, mapped
            else:
                raise DanglingReferenceError(self._unknown(level, name) if len(passed) == 1 else "")
        raise DanglingReferenceError(f"'{name}' is handed back to itself by way of child runbooks")

    def _unknown(self, level: Level, name: str) -> str:
        runbook = level.loaded.runbook
        if name in runbook.artifacts:
            names = [here for here, (artifact_id, _) in self._handed_back[level].items() if artifact_id == name]
            return f"'{name}' hands several artifacts back: name one of {', '.join(names)}"
        self._suggestions_left -= 1
        if self._suggestions_left < 0:
            return f"there is no artifact '{name}'"
        own = [each for each, definition in runbook.artifacts.items() if definition.child_runbook is None]
        known = [*own, *self._handed_back[level], *runbook.inputs]
        return " ".join(filter(None, (f"there is no artifact '{name}'.", did_you_mean(name, known)))).rstrip(".")


def _not_given(level: Level, name: str) -> str | None:
    declared = level.loaded.runbook.inputs[name]
    if declared.default is not None:
        return level.prefix + name
    if declared.optional:
        return None
    raise DanglingReferenceError("")


def _handed_back(level: Level, problems: list[str]) -> dict[str, tuple[str, str]]:
    """By name: the artifact that stands for a child runbook, and the output of the child that goes by the name."""
    runbook = level.loaded.runbook
    names: dict[str, tuple[str, str]] = {}
    doubled = [name for name in runbook.artifacts if name in runbook.inputs]
    problems.extend(level.located(f"'{name}' is the name of an input too", "artifacts", name) for name in doubled)
    for artifact_id, definition in runbook.artifacts.items():
        config = definition.child_runbook
        if config is not None and config.output is not None:
            names[artifact_id] = (artifact_id, config.output)
    for artifact_id, definition in runbook.artifacts.items():
        mapping = definition.child_runbook.output_mapping if definition.child_runbook is not None else None
        for output, name in (mapping or {}).items():
            taken = name in names or name in runbook.inputs or (name in runbook.artifacts and name != artifact_id)
            if taken:
                place = ("artifacts", artifact_id, "child_runbook", "output_mapping")
                problems.append(level.located(f"the name '{name}' is taken already", *place, key=output))
            else:
                names[name] = (artifact_id, output)
    return names


def _behind_output(level: Level, artifact_id: str, output: str) -> tuple[Level, str]:
    child = level.children.get(artifact_id)
    if child is None or output not in child.loaded.runbook.outputs:
        raise DanglingReferenceError("")
    return child, child.loaded.runbook.outputs[output].artifact
