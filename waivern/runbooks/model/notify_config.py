"""The `notify:` of a schedule: who is notified how its runs ended."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from waivern.runbooks.model.artifact_definition import NonEmptyText, RunbookSection, as_tuple
from waivern.runbooks.model.durations import Seconds
from waivern.runbooks.model.notification_limits import MAX_NOTIFY_TIMEOUT_S

NotificationEvent = Literal["failed", "timed_out", "recovered", "gate_tripped"]
_Timeout = Annotated[Seconds, Field(gt=0, le=MAX_NOTIFY_TIMEOUT_S, allow_inf_nan=False)]
_VariableName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
_OWN_VARIABLES = "WAIVERN_"


class WebhookConfig(RunbookSection):
    """A URL that receives notifications by POST, signed with `secret` if given; `timeout` is in seconds."""

    url: NonEmptyText
    secret: NonEmptyText | None = None
    timeout: _Timeout = 10.0
    allow_private: bool = False

    @field_validator("url")
    @classmethod
    def _validate_url(cls, url: str) -> str:
        if not url.startswith("${") and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("a webhook's url begins with http:// or https://")
        return url


class NotifyConfig(RunbookSection):
    """Which run results are notified, and to whom: a webhook, a command, or both.

    `interrupted` runs count as failed. The first success after a failure is `recovered`. A successful run that failed
    a gate of its runbook is `gate_tripped`. The command is a program and its arguments as a list; no shell is involved.
    Of the service's variables it gets a few such as PATH, and those that are named in `environment`.
    """

    events: Annotated[tuple[NotificationEvent, ...], BeforeValidator(as_tuple), Field(min_length=1)] = (
        "failed",
        "timed_out",
        "recovered",
        "gate_tripped",
    )
    webhook: WebhookConfig | None = None
    command: Annotated[tuple[NonEmptyText, ...], BeforeValidator(as_tuple), Field(min_length=1)] | None = None
    environment: Annotated[tuple[_VariableName, ...], BeforeValidator(as_tuple)] = ()
    timeout: _Timeout = 30.0

    @model_validator(mode="after")
    def _require_recipient(self) -> Self:
        if self.webhook is None and self.command is None:
            raise ValueError("notify has no recipient: give webhook, command, or both")
        if self.environment and self.command is None:
            raise ValueError("environment is for a command, and there is none")
        return self

    @field_validator("environment")
    @classmethod
    def _keep_own_variables(cls, environment: tuple[str, ...]) -> tuple[str, ...]:
        own = next((name for name in environment if name.startswith(_OWN_VARIABLES)), None)
        if own is not None:
            raise ValueError(f"{own} is for Waivern itself: name variables that do not begin with {_OWN_VARIABLES}")
        return environment
