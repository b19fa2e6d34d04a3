"""An execution plan: a checked runbook with every dependency and schema resolved."""

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


def kind_and_component(definition: ArtifactDefinition) -> tuple[str, str]:
    """Return the kind of an artifact and the name of what produces it.

    The kind is "source", "process", "reuse", "merge" or "default". The name is that of the connector or analyser; for
    "reuse" it is "RUN/ARTIFACT", for "merge" "concatenate", for "default" "input".
    """
    if definition.source is not None:
        return "source", definition.source.type
    if definition.process is not None:
        return "process", definition.process.type
    if definition.reuse is not None:
        return "reuse", f"{definition.reuse.from_run}/{definition.reuse.artifact}"
    return ("merge", definition.merge) if definition.inputs else ("default", "input")


@dataclass(frozen=True)
class ExecutionPlan:
    """What the executor executes.

    Args:
        runbook: The runbook, with the artifacts of its child runbooks by their final ids.
        dag: The dependencies of `runbook.artifacts`.
        artifact_schemas: By artifact id: the schemas of its inputs (None if it has none), and its own schema. An
            analyser receives one merged message for each input schema, in this order.
        aliases: From the names of child outputs to final ids.
        defaults: By artifact id: the default content of an input of a child runbook that is not mapped.
        missing_sources: By artifact id: why an optional source is missing in a reanalysis.
        folders: By artifact id: the folder to which relative paths in its properties refer.
        sources: The unresolved text of the runbook and of its child runbooks, by path relative to the runbook's
            folder; the runbook itself comes first.
        warnings: Keys that have no effect, each with file and line.
        variables: The names of all `${NAME}` in the properties of its components.
    """

    runbook: Runbook
    dag: ExecutionDAG
    artifact_schemas: Mapping[str, tuple[list[Schema] | None, Schema]]
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing_sources: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 (hexadecimal) of `sources` as canonical JSON, or of the runbook if there are no sources."""
        if self.sources:
            return digest_of(canonical_bytes(self.sources))
        data = self.runbook.model_dump(mode="json", fallback=lambda value: type(value).__name__)
        return digest_of(canonical_bytes(data))
