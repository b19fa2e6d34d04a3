"""One artifact of a runbook: where it comes from and what is done to it."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from waivern.runbooks.model.durations import Delay, Limit
from waivern.runbooks.model.retention import Retention


def as_tuple(value: Any) -> Any:
    """Read a YAML list as a tuple, and a single string as a tuple of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]


class Written(BaseModel):
    """A part of a runbook: a value, with no key that is not known and no text read as a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SourceConfig(Written):
    """The connector that extracts the artifact; `${NAME}` in the properties is not resolved here."""

    type: Text
    properties: dict[str, Any] = Field(default_factory=dict)


class ProcessConfig(Written):
    """The analyser that makes the artifact; `${NAME}` in the properties is not resolved here."""

    type: Text
    properties: dict[str, Any] = Field(default_factory=dict)


class ReuseConfig(Written):
    """The artifact of an earlier run that is taken over: a run's id, a prefix of it, or `latest`."""

    from_run: Text
    artifact: Text


class ChildRunbookConfig(Written):
    """Another runbook whose artifacts take this one's place.

    `input_mapping` leads from the child's inputs to artifacts here. `output` names the child's output that goes by
    this artifact's name; `output_mapping` leads from the child's outputs to names of their own here.
    """

    path: Text
    input_mapping: dict[str, Text] = Field(default_factory=dict)
    output: Text | None = None
    output_mapping: dict[str, Text] | None = None

    @model_validator(mode="after")
    def _names_what_comes_back(self) -> Self:
        if (self.output is None) == (not self.output_mapping):
            raise ValueError("give either output or output_mapping")
        return self


class RetryConfig(Written):
    """How often a failing component is tried, and how long is waited before the next attempt. Durations are seconds.

    `attempts` counts all of them. `delay` comes before the second; each further wait is `backoff` times as long, at
    most `max_delay`, and a random share of `jitter` is added.
    """

    attempts: int = Field(default=3, ge=1, le=100)
    delay: Delay = 1.0
    backoff: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 2.0
    max_delay: Delay = 300.0
    jitter: Delay = 0.0

    def delay_after(self, attempt: int, *, share: float) -> float:
        """Return the seconds to wait after the `attempt`-th one (from 1) failed; `share` of the jitter is 0 to 1."""
        grown = math.log(max(self.delay, 1e-9)) + (attempt - 1) * math.log(self.backoff)
        within = self.max_delay if grown >= math.log(max(self.max_delay, 1e-9)) else math.exp(grown)
        return (within if self.delay else 0.0) + share * self.jitter


class ArtifactDefinition(Written):
    """What one artifact is made of: a source, other artifacts, an earlier run's artifact, or a child runbook's."""

    name: Text | None = None
    description: str | None = None
    contact: str | None = None
    source: SourceConfig | None = None
    inputs: Texts = ()
    merge: Literal["concatenate"] = "concatenate"
    process: ProcessConfig | None = None
    reuse: ReuseConfig | None = None
    child_runbook: ChildRunbookConfig | None = None
    output: bool = False
    optional: bool = False
    timeout: Limit | None = None
    retry: RetryConfig | None = None
    retain: Retention | None = None

    @model_validator(mode="before")
    @classmethod
    def _transform_is_an_older_word(cls, written: Any) -> Any:
        if not isinstance(written, Mapping) or "transform" not in written:
            return written
        if "process" in written:
            raise ValueError("process and transform are two words for one thing: keep process")
        return {("process" if key == "transform" else key): value for key, value in written.items()}

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        doubled = [name for name, times in Counter(self.inputs).items() if times > 1]
        if doubled:
            raise ValueError(f"inputs names {', '.join(map(repr, doubled))} more than once")
        origins = [name for name in ("source", "inputs", "reuse") if getattr(self, name)]
        if self.child_runbook is not None:
            self._is_fit_for_a_child_runbook()
        elif len(origins) != 1:
            said = f"this one has {' and '.join(origins)}" if origins else "this one has none"
            raise ValueError(f"an artifact has exactly one of source, inputs, reuse; {said}")
        elif self.process is not None and not self.inputs:
            raise ValueError(f"process needs inputs; make an artifact of its own from the one with {origins[0]}")
        elif self.source is None and self.process is None:
            self._has_none_of("timeout", "retry", because="it has no component that could fail")
        return self

    def _is_fit_for_a_child_runbook(self) -> None:
        for name in ("source", "reuse", "process"):
            if getattr(self, name) is not None:
                raise ValueError(f"an artifact with child_runbook has no {name}")
        self._has_none_of("timeout", "retry", because="write it on the artifacts of the child runbook")

    def _has_none_of(self, *names: str, because: str) -> None:
        for name in names:
            if getattr(self, name) is not None:
                raise ValueError(f"this artifact takes no {name}: {because}")
