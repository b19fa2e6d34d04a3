"""A runbook that was checked whole and can be carried out."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waivern.messages.canonical import canonical_bytes, digest_of
from waivern.messages.schema import Schema
from waivern.plans.dag import ExecutionDAG
from waivern.runbooks.model.artifact_definition import ArtifactDefinition
from waivern.runbooks.model.runbook import Runbook


def how_made(definition: ArtifactDefinition) -> tuple[str, str]:
    """Return the kind of an artifact ("source", "process", "reuse", "merge", "default") and what makes it, by name."""
    if definition.source is not None:
        return "source", definition.source.type
    if definition.process is not None:
        return "process", definition.process.type
    if definition.reuse is not None:
        return "reuse", f"{definition.reuse.from_run}/{definition.reuse.artifact}"
    return ("merge", definition.merge) if definition.inputs else ("default", "input")


@dataclass(frozen=True)
class ExecutionPlan:
    """What the executor carries out.

    Args:
        runbook: With the artifacts of child runbooks among its own, by their final ids.
        dag: The dependencies of `runbook.artifacts`.
        artifact_schemas: By artifact id the schemas of its inputs (None for what has no inputs), in the order in
            which an analyser is handed one merged message each, and the schema of the artifact itself.
        aliases: From the names by which a runbook refers to its child runbook's artifacts to final ids.
        defaults: By artifact id the content of what is not made: the default of a child runbook's input.
        absent: By artifact id why it cannot be made: an optional source that an earlier run had not read.
        folders: By artifact id the folder that relative paths in its properties are meant from.
        sources: The unresolved text of the runbook and of its child runbooks, by path relative to the folder of
            the runbook; the runbook itself comes first.
        remarks: What is written and has no effect here, each with its file and line.
        variables: The names of all `${NAME}` in the properties of its components.
    """

    runbook: Runbook
    dag: ExecutionDAG
    artifact_schemas: Mapping[str, tuple[list[Schema] | None, Schema]]
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 (hexadecimal) of `sources` as canonical JSON; of the runbook where there are no sources."""
        if self.sources:
            return digest_of(canonical_bytes(self.sources))
        said = self.runbook.model_dump(mode="json", fallback=lambda value: type(value).__name__)
        return digest_of(canonical_bytes(said))
