"""The `schedule:` of a runbook, as far as it can be checked without a clock."""

from datetime import datetime
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, field_validator, model_validator

from waivern.errors import did_you_mean
from waivern.runbooks.model.artifact_definition import Written
from waivern.runbooks.model.durations import Delay, Limit
from waivern.runbooks.model.notify_config import NotifyConfig


class ScheduleConfig(Written):
    """When the service runs the runbook: exactly one of `cron`, `every` and `at`.

    Durations are seconds, at most a year.
    """

    cron: str | None = None
    every: Limit | None = None
    at: str | None = None
    timezone: str = "UTC"
    catch_up: Literal["skip", "latest", "all"] = "latest"
    max_catch_up: int | None = Field(default=None, ge=1)
    overlap: Literal["skip", "queue", "allow"] = "skip"
    jitter: Delay | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    max_attempts: int = Field(default=3, ge=1, le=100)
    notify: NotifyConfig | None = None

    @field_validator("cron")
    @classmethod
    def _has_five_fields(cls, cron: str | None) -> str | None:
        if cron is not None and not cron.startswith("@") and len(cron.split()) != 5:
            raise ValueError(f"'{cron}' has {len(cron.split())} fields; cron has five: minute hour day month weekday")
        return cron

    @field_validator("at")
    @classmethod
    def _is_an_instant(cls, at: str | None) -> str | None:
        if at is not None:
            try:
                datetime.fromisoformat(at)
            except ValueError:
                raise ValueError(f"'{at}' is no date and time: write 2026-12-01T02:00") from None
        return at

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = available_timezones()  # empty where a machine has no time zone data: then nothing can be said
            if known:
                raise ValueError(
                    f"'{timezone}' is no time zone. {did_you_mean(timezone, known) or ''}".strip()
                ) from None
        return timezone

    @model_validator(mode="after")
    def _says_when_in_one_way(self) -> Self:
        if sum(way is not None for way in (self.cron, self.every, self.at)) != 1:
            raise ValueError("a schedule has exactly one of cron, every, at")
        return self

    @model_validator(mode="after")
    def _says_nothing_that_is_not_heard(self) -> Self:
        if self.every is not None and "timezone" in self.model_fields_set:
            raise ValueError("every counts elapsed time, the same by any clock: leave timezone out, or use cron")
        if self.max_catch_up is not None and self.catch_up != "all":
            raise ValueError("max_catch_up bounds what catch_up: all makes up for: say that too, or leave it out")
        return self
