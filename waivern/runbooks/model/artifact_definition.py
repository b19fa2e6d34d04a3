"""One artifact of a runbook: where its data comes from and how it is processed."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from waivern.runbooks.model.durations import Delay, TimeLimit
from waivern.runbooks.model.retention import Retention


def as_tuple(value: Any) -> Any:
    """Return a YAML list as a tuple, and a single string as a tuple of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


NonEmptyText = Annotated[str, Field(min_length=1)]
NonEmptyTexts = Annotated[tuple[NonEmptyText, ...], BeforeValidator(as_tuple)]


class RunbookSection(BaseModel):
    """Base of every section: immutable, refuses unknown keys, and never converts a string to a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SourceConfig(RunbookSection):
    """The connector that reads the artifact's data. `${NAME}` in `properties` is not resolved here."""

    type: NonEmptyText
    properties: dict[str, Any] = Field(default_factory=dict)


class ProcessConfig(RunbookSection):
    """The analyser that produces the artifact. `${NAME}` in `properties` is not resolved here."""

    type: NonEmptyText
    properties: dict[str, Any] = Field(default_factory=dict)


class ReuseConfig(RunbookSection):
    """The artifact of an earlier run to reuse; `from_run` is a run's id, a prefix of one, or `latest`."""

    from_run: NonEmptyText
    artifact: NonEmptyText


class ChildRunbookConfig(RunbookSection):
    """A child runbook whose artifacts replace this one.

    `input_mapping` maps the child's inputs to artifacts of this runbook. `output` is the child's output that gets this
    artifact's name; `output_mapping` maps the child's outputs to new names in this runbook.
    """

    path: NonEmptyText
    input_mapping: dict[str, NonEmptyText] = Field(default_factory=dict)
    output: NonEmptyText | None = None
    output_mapping: dict[str, NonEmptyText] | None = None

    @model_validator(mode="after")
    def _require_one_output_key(self) -> Self:
        if (self.output is None) == (not self.output_mapping):
            raise ValueError("give either output or output_mapping")
        return self


class RetryConfig(RunbookSection):
    """How often a failing component is tried, and the wait between attempts. Durations are in seconds.

    `attempts` includes the first one. The wait before the second attempt is `delay`; each further wait is `backoff`
    times as long, at most `max_delay`. A random part of `jitter` is added to every wait.
    """

    attempts: int = Field(default=3, ge=1, le=100)
    delay: Delay = 1.0
    backoff: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 2.0
    max_delay: Delay = 300.0
    jitter: Delay = 0.0

    def delay_after(self, attempt: int, *, share: float) -> float:
        """Return the wait in seconds after attempt number `attempt` (from 1) failed.

        `share` is the part of the jitter to add, from 0 to 1.
        """
        # In logarithms, because delay * backoff ** (attempt - 1) overflows after many attempts.
        log_delay = math.log(max(self.delay, 1e-9)) + (attempt - 1) * math.log(self.backoff)
        wait = self.max_delay if log_delay >= math.log(max(self.max_delay, 1e-9)) else math.exp(log_delay)
        return (wait if self.delay else 0.0) + share * self.jitter


class ArtifactDefinition(RunbookSection):
    """One artifact: read from a source, derived from other artifacts, reused, or produced by a child runbook."""

    name: NonEmptyText | None = None
    description: str | None = None
    contact: str | None = None
    source: SourceConfig | None = None
    inputs: NonEmptyTexts = ()
    merge: Literal["concatenate"] = "concatenate"
    process: ProcessConfig | None = None
    reuse: ReuseConfig | None = None
    child_runbook: ChildRunbookConfig | None = None
    output: bool = False
    optional: bool = False
    timeout: TimeLimit | None = None
    retry: RetryConfig | None = None
    retain: Retention | None = None

    @model_validator(mode="before")
    @classmethod
    def _rename_transform_to_process(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "transform" not in data:
            return data
        if "process" in data:
            raise ValueError("process and transform mean the same: keep only process")
        return {("process" if key == "transform" else key): value for key, value in data.items()}

    @model_validator(mode="after")
    def _require_one_origin(self) -> Self:
        repeated = [name for name, number in Counter(self.inputs).items() if number > 1]
        if repeated:
            raise ValueError(f"inputs names {', '.join(map(repr, repeated))} more than once")
        origins = [name for name in ("source", "inputs", "reuse") if getattr(self, name)]
        if self.child_runbook is not None:
            self._check_child_runbook_keys()
        elif len(origins) != 1:
            given = f"this one has {' and '.join(origins)}" if origins else "this one has none"
            raise ValueError(f"an artifact has exactly one of source, inputs, reuse; {given}")
        elif self.process is not None and not self.inputs:
            raise ValueError(f"process needs inputs: define a second artifact that has this {origins[0]} as its input")
        elif self.source is None and self.process is None:
            self._refuse("timeout", "retry", reason="it has no component that could fail")
        return self

    def _check_child_runbook_keys(self) -> None:
        for name in ("source", "reuse", "process"):
            if getattr(self, name) is not None:
                raise ValueError(f"an artifact with child_runbook must not have {name}")
        self._refuse("timeout", "retry", reason="set it on the artifacts of the child runbook")

    def _refuse(self, *names: str, reason: str) -> None:
        for name in names:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is not allowed on this artifact: {reason}")
