"""The runbook: the artifacts that a scan produces, and how."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from waivern.errors import MessageError
from waivern.messages.schema import Schema
from waivern.runbooks.model.artifact_definition import (
    ArtifactDefinition,
    NonEmptyText,
    NonEmptyTexts,
    RunbookSection,
    as_tuple,
)
from waivern.runbooks.model.durations import MAX_DURATION_S
from waivern.runbooks.model.gate_text import GateText
from waivern.runbooks.model.retention import Retention
from waivern.runbooks.model.schedule_config import ScheduleConfig


class RunbookConfig(RunbookSection):
    """How a runbook is executed.

    `timeout` is in seconds, at most one year; None means no deadline. `template_paths` are more folders to search for
    child runbooks, relative to the runbook's own folder.
    """

    timeout: Annotated[float, Field(gt=0, le=MAX_DURATION_S, allow_inf_nan=False)] | None = None
    max_concurrency: int = Field(default=10, ge=1)
    max_child_depth: int = Field(default=3, ge=0, le=50)
    cost_limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    template_paths: NonEmptyTexts = ()


class RunbookInput(RunbookSection):
    """An input of a child runbook: an artifact that the parent runbook maps to it."""

    input_schema: NonEmptyText
    description: str | None = None
    optional: bool = False
    default: dict[str, Any] | None = None
    sensitive: bool = False

    @field_validator("input_schema")
    @classmethod
    def _validate_schema(cls, text: str) -> str:
        try:
            Schema.parse(text)
        except MessageError as error:
            raise ValueError(str(error)) from None
        return text

    @property
    def schema_of_input(self) -> Schema:
        return Schema.parse(self.input_schema)


class RunbookOutput(RunbookSection):
    """An output of a child runbook: one of its artifacts, under the output's name."""

    artifact: NonEmptyText
    description: str | None = None


class Runbook(RunbookSection):
    """A whole runbook. In an `ExecutionPlan`, `artifacts` includes the artifacts of its child runbooks."""

    name: NonEmptyText
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
