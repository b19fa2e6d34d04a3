"""Replaying the sources of an earlier run instead of reading them again (reanalysis)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waivern.messages.schema import Schema
from waivern.plans.inlining import InlinedArtifacts
from waivern.runbooks.model.artifact_definition import ReuseConfig


@dataclass(frozen=True)
class MissingSource:
    """A source that the earlier run did not read: the schema that its message would have, and the reason."""

    schema: Schema
    reason: str


@dataclass(frozen=True)
class ReplaySources:
    """The sources that an earlier run read.

    Args:
        run_id: The earlier run.
        missing: Optional sources that it did not read, by artifact id. The new run does not have them either.
    """

    run_id: str
    missing: Mapping[str, MissingSource] = field(default_factory=dict)

    def replace_sources_in(self, inlined: InlinedArtifacts) -> None:
        """Replace every source, and every reused artifact, by the artifact of the earlier run."""
        for artifact_id, definition in inlined.artifacts.items():
            if definition.source is not None or definition.reuse is not None:
                reuse = ReuseConfig(from_run=self.run_id, artifact=artifact_id)
                changes = {"source": None, "reuse": reuse, "retry": None, "timeout": None}
                inlined.artifacts[artifact_id] = definition.model_copy(update=changes)
