"""All settings: the `WAIVERN_*` variables. Nobody else reads them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from waivern.errors import UsageError, did_you_mean

PREFIX = "WAIVERN_"
_A_DAY_S = 86_400
_HARDLY_CHANCE = 0.85
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
DEFAULT_DATABASE_URL = "sqlite:///.waivern/waivern.db"


@dataclass(frozen=True)
class Settings:
    """What can be set from outside; each field is the variable `WAIVERN_` and its name in capitals.

    Args:
        database_url: Where runs are kept: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.
        sqlite_synchronous: FULL survives a power cut; NORMAL is faster and may lose the last moments in one.
        lease_seconds: After how long without a sign of life a run may be taken up by another process.
        log_level: From which level on log lines are written to standard error.
        log_format: How they are written: text, or json with one object a line.
        encryption_key: What messages hold is encrypted by this; or several keys, of which the others can be read still.
        encryption_key_file: A file that holds it.
        anchor_key_file: A file that holds the key which `waivern verify --anchor` signs with, or none.
        prune_at: When a service prunes each day: a time of day in UTC, as HH:MM, or never.
    """

    database_url: str = DEFAULT_DATABASE_URL
    sqlite_synchronous: str = "FULL"
    lease_seconds: float = 30.0
    log_level: str = "WARNING"
    log_format: str = "text"
    encryption_key: str = field(default="none", repr=False)
    encryption_key_file: str = "none"
    anchor_key_file: str = "none"
    prune_at: str = "03:30"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings.

        Raises:
            UsageError: a variable has a value that it cannot have, or is named almost like one that there is.
        """
        given = os.environ if environment is None else environment
        known = {f"{PREFIX}{each.name.upper()}": each for each in fields(cls)}
        _refuse_misspelt([name for name in given if name.startswith(PREFIX)], list(known))
        values: dict[str, Any] = {
            each.name: _CHECKS[each.name](name, given[name]) for name, each in known.items() if given.get(name)
        }
        return cls(**values)


def _any(_name: str, value: str) -> str:
    return value


def _one_of(*allowed: str) -> Any:
    def check(name: str, value: str) -> str:
        meant = next((each for each in allowed if each.lower() == value.lower()), None)
        if meant is None:
            raise UsageError(f"{name} is '{value}'", remedy=f"Set it to one of {', '.join(allowed)}")
        return meant

    return check


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= _A_DAY_S:
        raise UsageError(f"{name} is '{value}'", remedy="Set it to a number of seconds from 1 to 86400")
    return seconds


def _time_of_day(name: str, value: str) -> str:
    if value != "never" and not _TIME_OF_DAY.fullmatch(value):
        raise UsageError(f"{name} is '{value}'", remedy="Set it to a time of day in UTC such as 03:30, or to never")
    return value


_CHECKS: dict[str, Any] = {
    "database_url": _any,
    "sqlite_synchronous": _one_of("FULL", "NORMAL"),
    "lease_seconds": _seconds,
    "log_level": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": _one_of("text", "json"),
    "encryption_key": _any,
    "encryption_key_file": _any,
    "anchor_key_file": _any,
    "prune_at": _time_of_day,
}


def _refuse_misspelt(given: list[str], known: list[str]) -> None:
    """A misspelt setting would be ignored without a word; a name that is like none of them is somebody else's."""
    for name in given:
        meant = did_you_mean(name, known, cutoff=_HARDLY_CHANCE)
        if name not in known and meant is not None:
            raise UsageError(f"There is no setting {name}", remedy=meant)
