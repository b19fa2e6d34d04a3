"""Finding the child runbooks that a runbook names, and theirs: one tree, loaded before anything in it is looked at."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waivern.errors import PlanError, RunbookError, did_you_mean
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, ChildRunbookConfig
from waivern.runbooks.reading.problems import Fault, the_first
from waivern.runbooks.reading.runbook_loader import LoadedRunbook, load_runbook

MOST_CHILDREN = 10_000
MOST_NAMES = 100_000


@dataclass(eq=False)
class Level:
    """One runbook in the tree of a runbook and its children.

    Args:
        loaded: The runbook.
        folder: Where it lies; its relative paths are meant from there.
        prefix: What comes before its artifacts' ids: "" or such as "child/".
        parent: The level that names it, by its artifact `named_by`.
        children: By the id of the artifact here that stands for them.
    """

    loaded: LoadedRunbook
    folder: Path
    prefix: str = ""
    parent: "Level | None" = None
    named_by: str = ""
    children: dict[str, "Level"] = field(default_factory=dict)

    @property
    def stands_for(self) -> ArtifactDefinition:
        """The parent's artifact whose place this level takes."""
        assert self.parent is not None
        return self.parent.loaded.runbook.artifacts[self.named_by]

    @property
    def child_config(self) -> ChildRunbookConfig:
        config = self.stands_for.child_runbook
        assert config is not None
        return config

    def located(self, what: str, *place: str | int, key: str | int | None = None) -> str:
        return self.loaded.located(Fault(place, what, key))

    def walk(self) -> Iterator["Level"]:
        """This level and all below it."""
        yield self
        for child in self.children.values():
            yield from child.walk()

    def path_from_main(self) -> list["Level"]:
        return [*(self.parent.path_from_main() if self.parent else []), self]


class ChildRunbookLoader:
    """Loads the tree below one runbook. Its `template_paths` and `max_child_depth` hold for all of it.

    `sources` maps each file's path, relative to the main runbook's folder, to its text.
    """

    def __init__(self, main: Level, problems: list[str]) -> None:
        config = main.loaded.runbook.config
        self._main = main
        self._problems = problems
        self._deepest = config.max_child_depth
        self._templates = [main.folder / path for path in config.template_paths]
        self._loaded: dict[Path, LoadedRunbook | None] = {}
        self._left = MOST_CHILDREN
        self._names_left = MOST_NAMES
        own_name = main.loaded.path.name if main.loaded.path else "runbook.json"
        self.sources = {own_name: main.loaded.text}

    def load_below(self, level: Level) -> None:
        """Load every child runbook that `level` names, and theirs; what cannot be loaded is a problem.

        Raises:
            PlanError: all of them together come to more than 100,000 artifacts, inputs and outputs.
        """
        self._count(level)
        for artifact_id, definition in level.loaded.runbook.artifacts.items():
            if definition.child_runbook is not None:
                child = self._child(level, artifact_id, definition.child_runbook)
                if child is not None:
                    level.children[artifact_id] = child
                    self.load_below(child)

    def _count(self, level: Level) -> None:
        """Stop where there is too much, before it is put together: few children of children make many artifacts."""
        self._names_left -= _names_in(level)
        if self._names_left < 0:
            what = f"there are more than {MOST_NAMES:,} artifacts, inputs and outputs in all"
            if level.parent is not None:
                with_this = f"with this child runbook {what}"
                what = level.parent.located(with_this, "artifacts", level.named_by, "child_runbook")
            raise PlanError(the_first([what, *self._problems]), runbook=self._main.loaded.runbook.name)

    def _child(self, level: Level, artifact_id: str, config: ChildRunbookConfig) -> Level | None:
        try:
            found = self._found(level, config.path)
            self._check_chain(level, found)
        except RunbookError as error:
            self._problems.append(level.located(str(error), "artifacts", artifact_id, "child_runbook", key="path"))
            return None
        loaded = self._read(level, artifact_id, found)
        if loaded is None:
            return None
        return Level(loaded, found.parent, f"{level.prefix}{artifact_id}/", level, artifact_id)

    def _found(self, level: Level, path: str) -> Path:
        """The file that is meant; it lies in one of the folders in which a child runbook may lie."""
        if Path(path).is_absolute() or ".." in Path(path).parts:
            remedy = "Write a path below the runbook's folder, or name its folder in config.template_paths"
            raise RunbookError(f"the child runbook's path '{path}' is absolute or holds '..'", remedy=remedy)
        folders = [level.folder, *self._templates]
        try:
            for candidate in (folder / path for folder in folders):
                if candidate.exists():
                    _check_within(candidate, folders)
                    return candidate
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: symlinks that lead in a circle
            raise RunbookError(f"the child runbook '{path}' cannot be read: {error}") from None
        looked_in = ", ".join(str(folder) for folder in folders)
        near = did_you_mean(Path(path).name, _runbooks_in([(folder / path).parent for folder in folders]))
        raise RunbookError(f"there is no child runbook '{path}' in {looked_in}", remedy=near)

    def _check_chain(self, level: Level, found: Path) -> None:
        above = level.path_from_main()
        chain = " -> ".join([*(_shown(each) for each in above), str(self._relative(found))])
        if any(
            each.loaded.path and (each.folder / each.loaded.path.name).resolve() == found.resolve() for each in above
        ):
            raise RunbookError(f"child runbooks lead in a circle: {chain}")
        if len(above) > self._deepest:
            remedy = f"Raise config.max_child_depth, which is {self._deepest}"
            raise RunbookError(f"child runbooks are nested too deep: {chain}", remedy=remedy)
        self._left -= 1
        if self._left < 0:
            raise RunbookError(f"the runbook has more than {MOST_CHILDREN:,} child runbooks")

    def _read(self, level: Level, artifact_id: str, found: Path) -> LoadedRunbook | None:
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
                self._problems.append(level.located(str(error), "artifacts", artifact_id, "child_runbook", key="path"))
        loaded = self._loaded[file]
        if loaded is not None:
            self.sources[self._relative(found).as_posix()] = loaded.text
        return loaded

    def _relative(self, file: Path) -> Path:
        return Path(os.path.relpath(file, self._main.folder))

    def _shown_folder(self) -> Path:
        return self._main.loaded.path.parent if self._main.loaded.path else Path()


def _names_in(level: Level) -> int:
    runbook = level.loaded.runbook
    children = [each.child_runbook for each in runbook.artifacts.values() if each.child_runbook is not None]
    handed_back = sum(len(child.output_mapping or ()) for child in children)
    return len(runbook.artifacts) + len(runbook.inputs) + len(runbook.outputs) + handed_back


def _check_within(file: Path, folders: list[Path]) -> None:
    real = file.resolve(strict=True)
    if not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise RunbookError(
            f"the child runbook '{file.name}' is a link that leads out of the runbook's folder",
            remedy="Name the folder that it leads to in config.template_paths",
        )


def _runbooks_in(folders: list[Path]) -> list[str]:
    return sorted({file.name for folder in folders for file in folder.glob("*.y*ml")})


def _shown(level: Level) -> str:
    return level.loaded.path.name if level.loaded.path else level.loaded.runbook.name
