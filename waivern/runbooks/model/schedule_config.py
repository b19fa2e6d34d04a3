"""The `schedule:` of a runbook, with the checks that need no clock."""

from datetime import datetime
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, field_validator, model_validator

from waivern.errors import did_you_mean
from waivern.runbooks.model.artifact_definition import RunbookSection
from waivern.runbooks.model.durations import Delay, TimeLimit
from waivern.runbooks.model.literal_secrets import (
    has_secret_argument,
    host_of,
    is_secret_reference,
    is_url_with_secret,
)
from waivern.runbooks.model.notify_config import NotifyConfig


class ScheduleConfig(RunbookSection):
    """When the service runs the runbook: exactly one of `cron`, `every` and `at`.

    Durations are in seconds, at most one year.
    """

    cron: str | None = None
    every: TimeLimit | None = None
    at: str | None = None
    timezone: str = "UTC"
    catch_up: Literal["skip", "latest", "all"] = "latest"
    max_catch_up: int | None = Field(default=None, ge=1, le=10_000)
    overlap: Literal["skip", "queue", "allow"] = "skip"
    jitter: Delay | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    max_attempts: int = Field(default=3, ge=1, le=100)
    notify: NotifyConfig | None = None

    @field_validator("cron")
    @classmethod
    def _validate_cron(cls, cron: str | None) -> str | None:
        if cron is not None and not cron.startswith("@") and len(cron.split()) != 5:
            raise ValueError(f"'{cron}' has {len(cron.split())} fields; cron has five: minute hour day month weekday")
        return cron

    @field_validator("at")
    @classmethod
    def _validate_at(cls, at: str | None) -> str | None:
        if at is not None:
            try:
                datetime.fromisoformat(at)
            except ValueError:
                raise ValueError(f"'{at}' is not a valid date and time: write it as 2026-12-01T02:00") from None
        return at

    @field_validator("timezone")
    @classmethod
    def _validate_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = available_timezones()  # empty on a machine without time zone data; then the name cannot be checked
            if known:
                raise ValueError(
                    f"'{timezone}' is not a known time zone. {did_you_mean(timezone, known) or ''}".strip()
                ) from None
        return timezone

    @field_validator("notify")
    @classmethod
    def _refuse_literal_secrets(cls, notify: NotifyConfig | None) -> NotifyConfig | None:
        """Checked here, not in `NotifyConfig`, which also validates settings whose variables have been resolved."""
        if notify is None:
            return None
        webhook = notify.webhook
        if webhook is not None and is_url_with_secret(webhook.url):
            host = host_of(webhook.url)
            raise ValueError(
                "the webhook's url may contain a secret, and would be stored: put the URL"
                f"{f', or what follows {host},' if host else ''} into an environment variable, and write ${{NAME}}"
            )
        if webhook is not None and webhook.secret is not None and not is_secret_reference(webhook.secret):
            raise ValueError(
                "the webhook's secret would be stored: put it into an environment variable, and write ${NAME}"
            )
        if notify.command is not None and has_secret_argument(notify.command):
            raise ValueError(
                "the command has an argument that may be a secret, and would be stored: put it into an environment "
                "variable, and write ${NAME}, or name the variable in environment"
            )
        return notify

    @model_validator(mode="after")
    def _require_one_timing(self) -> Self:
        if sum(timing is not None for timing in (self.cron, self.every, self.at)) != 1:
            raise ValueError("a schedule has exactly one of cron, every, at")
        return self

    @model_validator(mode="after")
    def _refuse_keys_without_effect(self) -> Self:
        if self.every is not None and "timezone" in self.model_fields_set:
            raise ValueError("timezone has no effect with every, which counts elapsed time: remove it, or use cron")
        if self.max_catch_up is not None and self.catch_up != "all":
            raise ValueError("max_catch_up has an effect only with catch_up: all: add that, or remove max_catch_up")
        return self
