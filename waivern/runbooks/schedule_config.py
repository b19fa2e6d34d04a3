"""The `schedule:` of a runbook, as far as it can be checked without a clock."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from waivern.errors import did_you_mean
from waivern.runbooks.artifact_definition import Written

LONGEST_S = 366 * 86_400  # what is much longer leads beyond the last date that there is
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds_in(value: Any) -> Any:
    """Read "90s", "15m", "6h", "1d" or "2w" as a number of seconds; a number is seconds already."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"'{value}' is no duration: write a number of seconds, or 90s, 15m, 6h, 1d, 2w")
    return float(match[1]) * _SECONDS[match[2]]


Seconds = Annotated[float, BeforeValidator(seconds_in)]


class ScheduleConfig(Written):
    """When the service runs the runbook: exactly one of `cron`, `every` and `at`.

    Durations are seconds, at most a year.
    """

    cron: str | None = None
    every: Annotated[Seconds, Field(gt=0, le=LONGEST_S, allow_inf_nan=False)] | None = None
    at: str | None = None
    timezone: str = "UTC"
    catch_up: Literal["skip", "latest", "all"] = "latest"
    max_catch_up: int | None = Field(default=None, ge=1)
    overlap: Literal["skip", "queue", "allow"] = "skip"
    jitter: Annotated[Seconds, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)] | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    max_attempts: int = Field(default=3, ge=1, le=100)

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
