"""Whom a schedule tells how its runs ended: the `notify:` of a `schedule:`."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from waivern.runbooks.model.artifact_definition import Text, Written, as_tuple
from waivern.runbooks.model.durations import Seconds
from waivern.runbooks.model.notification_limits import LONGEST_TIMEOUT_S

NoticeName = Literal["failed", "timed_out", "recovered", "gate_tripped"]
_TimeLimit = Annotated[Seconds, Field(gt=0, le=LONGEST_TIMEOUT_S, allow_inf_nan=False)]


class WebhookConfig(Written):
    """A URL that notices are posted to, signed with `secret` where there is one; `timeout` is in seconds."""

    url: Text
    secret: Text | None = None
    timeout: _TimeLimit = 10.0
    allow_private: bool = False

    @field_validator("url")
    @classmethod
    def _is_of_the_web(cls, url: str) -> str:
        if not url.startswith("${") and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("a webhook's url begins with http:// or https://")
        return url


class NotifyConfig(Written):
    """Which ends of a run are told, and to whom: a webhook, a command, or both.

    `interrupted` runs count as failed; the first success after a failure is `recovered`; a success by whose findings a
    gate of the runbook tripped is `gate_tripped`. The command is a list of a
    program and its arguments, no shell's line.
    """

    events: Annotated[tuple[NoticeName, ...], BeforeValidator(as_tuple), Field(min_length=1)] = (
        "failed",
        "timed_out",
        "recovered",
        "gate_tripped",
    )
    webhook: WebhookConfig | None = None
    command: Annotated[tuple[Text, ...], BeforeValidator(as_tuple), Field(min_length=1)] | None = None
    timeout: _TimeLimit = 30.0

    @model_validator(mode="after")
    def _tells_somebody(self) -> Self:
        if self.webhook is None and self.command is None:
            raise ValueError("notify names nobody: give webhook, command, or both")
        return self
