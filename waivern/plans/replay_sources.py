"""What an earlier run had read, in place of reading it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waivern.messages.schema import Schema
from waivern.plans.inlining import Spliced
from waivern.runbooks.model.artifact_definition import ReuseConfig


@dataclass(frozen=True)
class AbsentSource:
    """A source that the earlier run had not read: the schema that it would have, and why it is not there."""

    schema: Schema
    because: str


@dataclass(frozen=True)
class EarlierSources:
    """The sources of an earlier run.

    Args:
        run_id: The run.
        absent: By artifact id the optional ones that it had not read; they are not there now either.
    """

    run_id: str
    absent: Mapping[str, AbsentSource] = field(default_factory=dict)

    def take_the_place_of_sources(self, spliced: Spliced) -> None:
        """Let every source be what the run had read, and what it had taken over itself."""
        for artifact_id, definition in spliced.artifacts.items():
            if definition.source is not None or definition.reuse is not None:
                reuse = ReuseConfig(from_run=self.run_id, artifact=artifact_id)
                changes = {"source": None, "reuse": reuse, "retry": None, "timeout": None}
                spliced.artifacts[artifact_id] = definition.model_copy(update=changes)
