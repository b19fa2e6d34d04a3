"""A runbook: the artifacts that a scan makes, and how it makes them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from waivern.errors import MessageError
from waivern.messages.schema import Schema
from waivern.runbooks.model.artifact_definition import ArtifactDefinition, Text, Texts, Written, as_tuple
from waivern.runbooks.model.durations import LONGEST_S
from waivern.runbooks.model.gate_text import GateText
from waivern.runbooks.model.retention import Retention
from waivern.runbooks.model.schedule_config import ScheduleConfig


class RunbookConfig(Written):
    """How a runbook is carried out; `timeout` is in seconds, at most a year, and none means no deadline.

    `template_paths` are further folders in which child runbooks are looked for, meant from the runbook's own.
    """

    timeout: Annotated[float, Field(gt=0, le=LONGEST_S, allow_inf_nan=False)] | None = None
    max_concurrency: int = Field(default=10, ge=1)
    max_child_depth: int = Field(default=3, ge=0, le=50)
    cost_limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    template_paths: Texts = ()


class RunbookInput(Written):
    """What a child runbook is given by the one that names it."""

    input_schema: Text
    description: str | None = None
    optional: bool = False
    default: dict[str, Any] | None = None
    sensitive: bool = False

    @field_validator("input_schema")
    @classmethod
    def _is_a_schema(cls, text: str) -> str:
        try:
            Schema.parse(text)
        except MessageError as error:
            raise ValueError(str(error)) from None
        return text

    @property
    def schema_of_input(self) -> Schema:
        return Schema.parse(self.input_schema)


class RunbookOutput(Written):
    """What a child runbook hands back: one of its artifacts, by the output's name."""

    artifact: Text
    description: str | None = None


class Runbook(Written):
    """Everything that a runbook says. In an `ExecutionPlan` the artifacts of child runbooks stand among its own."""

    name: Text
    description: str
    contact: str | None = None
    framework: str | None = None
    config: RunbookConfig = Field(default_factory=RunbookConfig)
    schedule: ScheduleConfig | None = None
    retain: Retention | None = None
    gates: Annotated[tuple[GateText, ...], BeforeValidator(as_tuple)] = ()
    inputs: dict[str, RunbookInput] = Field(default_factory=dict)
    outputs: dict[str, RunbookOutput] = Field(default_factory=dict)
    artifacts: dict[str, ArtifactDefinition] = Field(min_length=1)
