"""Loads the tree of a runbook and its child runbooks, before anything in it is checked."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waivern.errors import PlanError, RunbookError, did_you_mean
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, ChildRunbookConfig
from waivern.runbooks.reading.problems import Problem, truncate_problems
from waivern.runbooks.reading.runbook_loader import LoadedRunbook, load_runbook

MAX_CHILDREN = 10_000
MAX_NAMES = 100_000


@dataclass(eq=False)
class RunbookNode:
    """One runbook in the tree of a runbook and its child runbooks.

    Args:
        loaded: The runbook.
        folder: Its folder, to which its relative paths refer.
        prefix: The prefix of its artifacts' final ids: "" for the main runbook, else such as "child/".
        parent: The runbook that includes it, with the artifact `parent_artifact_id`.
        children: Its child runbooks, by the id of the artifact that includes them.
    """

    loaded: LoadedRunbook
    folder: Path
    prefix: str = ""
    parent: "RunbookNode | None" = None
    parent_artifact_id: str = ""
    children: dict[str, "RunbookNode"] = field(default_factory=dict)

    @property
    def parent_artifact(self) -> ArtifactDefinition:
        assert self.parent is not None
        return self.parent.loaded.runbook.artifacts[self.parent_artifact_id]

    @property
    def child_config(self) -> ChildRunbookConfig:
        config = self.parent_artifact.child_runbook
        assert config is not None
        return config

    def problem_at(self, message: str, *key_path: str | int, key: str | int | None = None) -> str:
        """Return a problem with its file and line."""
        return self.loaded.describe(Problem(key_path, message, key))

    def walk(self) -> Iterator["RunbookNode"]:
        """Yield this runbook and all below it."""
        yield self
        for child in self.children.values():
            yield from child.walk()

    def path_from_main(self) -> list["RunbookNode"]:
        return [*(self.parent.path_from_main() if self.parent else []), self]


class ChildRunbookLoader:
    """Loads all child runbooks of a runbook, whose `template_paths` and `max_child_depth` apply to the whole tree.

    `sources` maps the path of each file, relative to the main runbook's folder, to its text.
    """

    def __init__(self, main: RunbookNode, problems: list[str]) -> None:
        config = main.loaded.runbook.config
        self._main = main
        self._problems = problems
        self._max_depth = config.max_child_depth
        self._templates = [main.folder / path for path in config.template_paths]
        self._loaded: dict[Path, LoadedRunbook | None] = {}
        self._children_left = MAX_CHILDREN
        self._names_left = MAX_NAMES
        own_name = main.loaded.path.name if main.loaded.path else "runbook.json"
        self.sources = {own_name: main.loaded.text}

    def load_below(self, node: RunbookNode) -> None:
        """Load all child runbooks below `node`. Those that cannot be loaded are added to `problems`.

        Raises:
            PlanError: the tree has more than 100,000 artifacts, inputs and outputs.
        """
        self._count(node)
        for artifact_id, definition in node.loaded.runbook.artifacts.items():
            if definition.child_runbook is not None:
                child = self._child(node, artifact_id, definition.child_runbook)
                if child is not None:
                    node.children[artifact_id] = child
                    self.load_below(child)

    def _count(self, node: RunbookNode) -> None:
        # Counted while loading, because a few nested children can multiply to more artifacts than fit into memory.
        self._names_left -= _names_in(node)
        if self._names_left < 0:
            message = f"there are more than {MAX_NAMES:,} artifacts, inputs and outputs in total"
            if node.parent is not None:
                with_this = f"with this child runbook {message}"
                message = node.parent.problem_at(with_this, "artifacts", node.parent_artifact_id, "child_runbook")
            raise PlanError(truncate_problems([message, *self._problems]), runbook=self._main.loaded.runbook.name)

    def _child(self, node: RunbookNode, artifact_id: str, config: ChildRunbookConfig) -> RunbookNode | None:
        try:
            found = self._find(node, config.path)
            self._check_chain(node, found)
        except RunbookError as error:
            self._problems.append(node.problem_at(str(error), "artifacts", artifact_id, "child_runbook", key="path"))
            return None
        loaded = self._read(node, artifact_id, found)
        if loaded is None:
            return None
        return RunbookNode(loaded, found.parent, f"{node.prefix}{artifact_id}/", node, artifact_id)

    def _find(self, node: RunbookNode, path: str) -> Path:
        """Return the file of a child runbook, searched in the runbook's folder and in `template_paths`."""
        if Path(path).is_absolute() or ".." in Path(path).parts:
            remedy = "Use a path below the runbook's folder, or add its folder to config.template_paths"
            raise RunbookError(f"the child runbook's path '{path}' is absolute or contains '..'", remedy=remedy)
        folders = [node.folder, *self._templates]
        try:
            for candidate in (folder / path for folder in folders):
                if candidate.exists():
                    _check_within(candidate, folders)
                    return candidate
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a cycle of symbolic links
            raise RunbookError(f"cannot read the child runbook '{path}': {error}") from None
        searched = ", ".join(str(folder) for folder in folders)
        similar = did_you_mean(Path(path).name, _runbooks_in([(folder / path).parent for folder in folders]))
        raise RunbookError(f"there is no child runbook '{path}' in {searched}", remedy=similar)

    def _check_chain(self, node: RunbookNode, found: Path) -> None:
        ancestors = node.path_from_main()
        chain = " -> ".join([*(_shown(ancestor) for ancestor in ancestors), str(self._relative(found))])
        if any(_is_file_of(ancestor, found) for ancestor in ancestors):
            raise RunbookError(f"child runbooks include one another in a cycle: {chain}")
        if len(ancestors) > self._max_depth:
            remedy = f"Increase config.max_child_depth, which is {self._max_depth}"
            raise RunbookError(f"child runbooks are nested too deep: {chain}", remedy=remedy)
        self._children_left -= 1
        if self._children_left < 0:
            raise RunbookError(f"the runbook has more than {MAX_CHILDREN:,} child runbooks")

    def _read(self, node: RunbookNode, artifact_id: str, found: Path) -> LoadedRunbook | None:
        file = found.resolve()
        if file not in self._loaded:
            self._loaded[file] = None
            relative = self._relative(found)
            try:
                self._loaded[file] = load_runbook(
                    file, shown_as=self._shown_folder() / relative, problems=self._problems
                )
            except PlanError as error:
                self._problems.extend(error.problems)
            except RunbookError as error:
                self._problems.append(
                    node.problem_at(str(error), "artifacts", artifact_id, "child_runbook", key="path")
                )
        loaded = self._loaded[file]
        if loaded is not None:
            self.sources[self._relative(found).as_posix()] = loaded.text
        return loaded

    def _relative(self, file: Path) -> Path:
        return Path(os.path.relpath(file, self._main.folder))

    def _shown_folder(self) -> Path:
        return self._main.loaded.path.parent if self._main.loaded.path else Path()


def _names_in(node: RunbookNode) -> int:
    runbook = node.loaded.runbook
    children = [
        definition.child_runbook for definition in runbook.artifacts.values() if definition.child_runbook is not None
    ]
    mapped_outputs = sum(len(child.output_mapping or ()) for child in children)
    return len(runbook.artifacts) + len(runbook.inputs) + len(runbook.outputs) + mapped_outputs


def _is_file_of(node: RunbookNode, file: Path) -> bool:
    path = node.loaded.path
    return path is not None and (node.folder / path.name).resolve() == file.resolve()


def _check_within(file: Path, folders: list[Path]) -> None:
    real = file.resolve()
    if not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise RunbookError(
            f"the child runbook '{file.name}' is a link to a file outside the runbook's folder",
            remedy="Add the folder of that file to config.template_paths",
        )


def _runbooks_in(folders: list[Path]) -> list[str]:
    return sorted({file.name for folder in folders for file in folder.glob("*.y*ml")})


def _shown(node: RunbookNode) -> str:
    return node.loaded.path.name if node.loaded.path else node.loaded.runbook.name
