"""One flat set of artifacts out of a runbook and its child runbooks."""

from dataclasses import dataclass, field

from waivern.plans.child_runbooks import Level
from waivern.plans.references import DanglingReferenceError, References
from waivern.runbooks.model.artifact_definition import ArtifactDefinition
from waivern.runbooks.model.retention import Retention
from waivern.runbooks.model.runbook import RunbookInput


@dataclass
class Spliced:
    """Artifacts by final id, their inputs by final id too.

    `defaults` are those that are not made but written down: what an input stands for that is not given.
    `origins` leads from a final id to where it is written: the level and the id there. `incomplete` are those with an
    input that leads nowhere.
    """

    artifacts: dict[str, ArtifactDefinition] = field(default_factory=dict)
    origins: dict[str, tuple[Level, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, RunbookInput] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)

    def located(self, artifact_id: str, what: str, *place: str | int, key: str | int | None = None) -> str:
        """Return a problem of an artifact with its file and line; `place` are keys within the artifact."""
        level, written_id = self.origins[artifact_id]
        return level.located(what, "artifacts", written_id, *place, key=key)


def splice(main: Level, references: References, problems: list[str]) -> Spliced:
    """Give every artifact its final id and lead every reference to one; one that leads nowhere is a problem."""
    splicer = _Splicer(references, problems)
    splicer.splice_level(main, optional=False, retain=None)
    splicer.note_aliases(main)
    return splicer.spliced


class _Splicer:
    def __init__(self, references: References, problems: list[str]) -> None:
        self._references = references
        self._problems = problems
        self.spliced = Spliced()

    def splice_level(self, level: Level, *, optional: bool, retain: Retention | None) -> None:
        """Add the artifacts of `level`, and those of its child runbooks in the place of what stands for them.

        What the runbook that names this one says of `optional` and `retain` holds where this one does not say it.
        """
        retain = _said(level.loaded.runbook.retain, retain)
        given = level.child_config.input_mapping if level.parent is not None else {}
        for name, declared in level.loaded.runbook.inputs.items():
            if declared.default is not None and name not in given:
                self._splice_default(level, name, declared, retain)
        for artifact_id, definition in level.loaded.runbook.artifacts.items():
            child = level.children.get(artifact_id)
            if child is not None:
                below = _said(definition.retain, retain)
                self.splice_level(child, optional=optional or definition.optional, retain=below)
            elif definition.child_runbook is None:
                inherited = {
                    "optional": optional or definition.optional,
                    "retain": _said(definition.retain, retain),
                }
                self._splice_artifact(level, artifact_id, definition.model_copy(update=inherited))

    def note_aliases(self, main: Level) -> None:
        """Note what the names of handed back artifacts mean, and mark those whose parent is an output."""
        for level in main.walk():
            for name in self._references.aliases(level):
                try:
                    final_id = self._references.meaning(level, name)
                except DanglingReferenceError:  # whoever refers to it has noted it, or the check of the child's outputs
                    continue
                if final_id is not None and final_id in self.spliced.artifacts:
                    self.spliced.aliases[level.prefix + name] = final_id
                    if level.loaded.runbook.artifacts[self._references.stands_behind(level, name)].output:
                        marked = self.spliced.artifacts[final_id].model_copy(update={"output": True})
                        self.spliced.artifacts[final_id] = marked

    def _splice_default(self, level: Level, name: str, declared: RunbookInput, retain: Retention | None) -> None:
        final_id = level.prefix + name
        self.spliced.origins[final_id] = (level, name)
        self.spliced.defaults[final_id] = declared
        self.spliced.artifacts[final_id] = ArtifactDefinition.model_construct(
            retain=retain
        )  # from nowhere, as none can be written

    def _splice_artifact(self, level: Level, artifact_id: str, definition: ArtifactDefinition) -> None:
        final_id = level.prefix + artifact_id
        self.spliced.origins[final_id] = (level, artifact_id)
        inputs = self._final_inputs(final_id, definition)
        self.spliced.artifacts[final_id] = definition.model_copy(update={"inputs": inputs})

    def _final_inputs(self, final_id: str, definition: ArtifactDefinition) -> tuple[str, ...]:
        level, _ = self.spliced.origins[final_id]
        names: dict[str, str] = {}  # final id of an input -> the name that led there
        for at, name in enumerate(definition.inputs):
            try:
                meant = self._references.meaning(level, name)
            except DanglingReferenceError as error:
                self._dangling(final_id, str(error), at)
                continue
            if meant in names:
                self._dangling(final_id, f"'{names[meant]}' and '{name}' are one artifact", at)
            elif meant is not None:
                names[meant] = name
        if definition.inputs and not names and final_id not in self.spliced.incomplete:
            self._dangling(final_id, f"no input is left: map '{definition.inputs[0]}' to an artifact", 0)
        return tuple(names)

    def _dangling(self, final_id: str, why: str, at: int) -> None:
        self.spliced.incomplete.add(final_id)
        if why:
            self._problems.append(self.spliced.located(final_id, why, "inputs", key=at))


def _said(retain: Retention | None, otherwise: Retention | None) -> Retention | None:
    return otherwise if retain is None else retain
