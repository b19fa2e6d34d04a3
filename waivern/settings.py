"""All settings. This is the only module that reads `WAIVERN_*` environment variables."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from waivern.errors import UsageError, did_you_mean
from waivern.schedules.hook_commands import HookCommands

PREFIX = "WAIVERN_"
_MAX_LEASE_S = 86_400
_SERVICE_TIMEOUT_S = 86_400.0
_MISSPELT_CUTOFF = 0.85  # below it, an unknown name is likely not meant for Waivern
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
DEFAULT_DATABASE_URL = "sqlite:///.waivern/waivern.db"
DEFAULT_CACHE_DIR = "~/.cache/waivern"


@dataclass(frozen=True)
class Settings:
    """The settings. Each field is set by the variable `WAIVERN_` plus its name in capitals.

    Args:
        database_url: The database: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.
        sqlite_synchronous: FULL survives power loss; NORMAL is faster and may lose the most recent transactions.
        lease_seconds: The time without a heartbeat after which a different worker may take over a run.
        log_level: The lowest level of log lines written to standard error.
        log_format: text, or json with one object per line.
        encryption_key: The key that encrypts content. Of several keys, the first encrypts and all decrypt.
        encryption_key_file: A file with the key or keys.
        anchor_key_file: A file with the key that `waivern verify --anchor` signs with, or none.
        default_timeout: The timeout of runs whose runbook sets none: a duration such as 6h, never, or auto: 24 hours
            for the runs of a service, none for all others.
        prune_at: The time of day (UTC, HH:MM) at which a service prunes, or never.
        hook_commands: The hook commands that schedules may run; none by default.
        cache_dir: The folder for compiled rules, or none. The default follows the conventions of the platform.
    """

    database_url: str = DEFAULT_DATABASE_URL
    sqlite_synchronous: str = "FULL"
    lease_seconds: float = 30.0
    log_level: str = "WARNING"
    log_format: str = "text"
    encryption_key: str = field(default="none", repr=False)
    encryption_key_file: str = "none"
    anchor_key_file: str = "none"
    default_timeout: str = "auto"
    prune_at: str = "03:30"
    hook_commands: str = "none"
    cache_dir: str = DEFAULT_CACHE_DIR

    @property
    def timeout_s(self) -> float | None:
        """Return the timeout of a run that a person starts, in seconds, if its runbook sets none."""
        return None if self.default_timeout == "auto" else self.service_timeout_s

    @property
    def service_timeout_s(self) -> float | None:
        """Return the timeout of a run that a service executes, in seconds, if its runbook sets none."""
        if self.default_timeout == "auto":
            return _SERVICE_TIMEOUT_S
        return None if self.default_timeout == "never" else _timeout_s("default_timeout", self.default_timeout)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings.

        Raises:
            UsageError: a variable has an invalid value, or a name that looks like a misspelt setting.
        """
        variables = os.environ if environment is None else environment
        known = {f"{PREFIX}{setting.name.upper()}": setting.name for setting in fields(cls)}
        _refuse_misspelt([name for name in variables if name.startswith(PREFIX)], list(known))
        values: dict[str, Any] = {
            name: _PARSERS[name](variable, variables[variable])
            for variable, name in known.items()
            if variables.get(variable)
        }
        return cls(**values)

    def cache_folder(self, environment: Mapping[str, str] | None = None) -> Path | None:
        """Return the folder for compiled rules, or None if nothing is to be cached."""
        if self.cache_dir == "none":
            return None
        if self.cache_dir != DEFAULT_CACHE_DIR:
            return Path(self.cache_dir).absolute()
        variables = os.environ if environment is None else environment
        caches, home = variables.get("XDG_CACHE_HOME", ""), variables.get("HOME", "")
        if Path(caches).is_absolute():
            return Path(caches, "waivern")
        if not Path(home).is_absolute():
            return None
        return Path(home, "Library/Caches" if sys.platform == "darwin" else ".cache", "waivern")


def _text(_name: str, value: str) -> str:
    return value


def _one_of(*allowed: str) -> Any:
    def parse(name: str, value: str) -> str:
        match = next((choice for choice in allowed if choice.lower() == value.lower()), None)
        if match is None:
            raise UsageError(f"{name}='{value}' is not valid", remedy=f"Set it to one of {', '.join(allowed)}")
        return match

    return parse


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= _MAX_LEASE_S:
        raise UsageError(f"{name}='{value}' is not valid", remedy="Set it to a number of seconds from 1 to 86400")
    return seconds


def _time_of_day(name: str, value: str) -> str:
    if value != "never" and not _TIME_OF_DAY.fullmatch(value):
        raise UsageError(f"{name}='{value}' is not valid", remedy="Set it to a time in UTC such as 03:30, or to never")
    return value


def _commands(name: str, value: str) -> str:
    try:
        HookCommands.parse(value)
    except ValueError as error:
        raise UsageError(
            f"{name} is not valid: {error}",
            remedy="Set it to absolute paths with arguments, separated by semicolons: /opt/page --low; /opt/notify *",
        ) from None
    return value


def _timeout(name: str, value: str) -> str:
    if value not in ("auto", "never"):
        _timeout_s(name, value)
    return value


def _timeout_s(name: str, value: str) -> float:
    from waivern.runbooks.model.durations import MAX_DURATION_S, parse_duration  # slow to import, and seldom needed

    try:
        seconds = float(parse_duration(value if value[-1:].isalpha() else f"{value}s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_DURATION_S:
        raise UsageError(
            f"{name}='{value}' is not valid",
            remedy="Set it to a duration such as 6h, at most 366d, to auto, or to never",
        )
    return seconds


_PARSERS: dict[str, Any] = {
    "database_url": _text,
    "sqlite_synchronous": _one_of("FULL", "NORMAL"),
    "lease_seconds": _seconds,
    "log_level": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": _one_of("text", "json"),
    "encryption_key": _text,
    "encryption_key_file": _text,
    "anchor_key_file": _text,
    "default_timeout": _timeout,
    "prune_at": _time_of_day,
    "hook_commands": _commands,
    "cache_dir": _text,
}


def _refuse_misspelt(names: list[str], known: list[str]) -> None:
    # Otherwise a misspelt setting would be ignored silently.
    for name in names:
        suggestion = did_you_mean(name, known, cutoff=_MISSPELT_CUTOFF)
        if name not in known and suggestion is not None:
            raise UsageError(f"There is no setting {name}", remedy=suggestion)
