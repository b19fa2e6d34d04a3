"""Substitution of `${NAME}` in the properties of components.

`${NAME}` is replaced by the environment variable, `${NAME:-default}` by the default if the variable is unset or empty.
`$${` is a literal `${`; any other `$` is a normal character. A substituted value is not searched again. Keys are never
substituted.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from waivern.errors import RunbookError

DUE_AT = "WAIVERN_DUE_AT"
"""The variable with the scheduled time of a run, or its start time if it has none. It is always set, and not secret."""

_REFERENCE = re.compile(r"(?P<literal>\$\$\{)|\$\{(?P<inside>[^{}]*)\}|(?P<broken>\$\{)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


class Variable(NamedTuple):
    """One `${NAME}`; `default` is None if it has no default."""

    name: str
    default: str | None

    def value_in(self, environment: Mapping[str, str]) -> str | None:
        """Return its value or default, or None if it is unset and has no default."""
        if self.default is not None:
            return environment.get(self.name) or self.default
        return environment.get(self.name)


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process, which `${NAME}` is looked up in by default."""
    return os.environ


def with_due_at(environment: Mapping[str, str], due_at: datetime) -> Mapping[str, str]:
    """Return the environment with `WAIVERN_DUE_AT` set to the instant (aware), such as "2026-11-24T02:00:00Z"."""
    in_utc = due_at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    return OverlayEnvironment(environment, {DUE_AT: f"{in_utc}Z"})


class OverlayEnvironment(Mapping[str, str]):
    """An environment with some variables overridden. It reads a variable of `below` only when that one is looked up."""

    def __init__(self, below: Mapping[str, str], above: Mapping[str, str]) -> None:
        self._below = below
        self._above = above

    def __getitem__(self, name: str) -> str:
        return self._above[name] if name in self._above else self._below[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._below, *self._above]))

    def __len__(self) -> int:
        return len(dict.fromkeys([*self._below, *self._above]))

    def __contains__(self, name: object) -> bool:
        return name in self._above or name in self._below


def resolve(value: Any, environment: Mapping[str, str]) -> Any:
    """Return `value` with every `${NAME}` substituted in its strings, at any depth of mappings and lists.

    Raises:
        RunbookError: a variable is unset and has no default, or a reference is malformed.
    """

    def value_of(variable: Variable) -> str:
        found = variable.value_in(environment)
        if found is None:
            raise RunbookError(
                f"${{{variable.name}}} is not set",
                remedy=f"Set the environment variable {variable.name}, or write a default: ${{{variable.name}:-...}}",
            )
        return found

    return _map_strings(value, lambda text: _substitute(text, value_of))


def find_variables(value: Any) -> list[Variable]:
    """Return every variable in the strings of `value`, in order, without duplicates.

    Raises:
        RunbookError: a reference is malformed, such as `${1}` or `${NAME`.
    """
    found: dict[Variable, None] = {}

    def record(variable: Variable) -> str:
        found[variable] = None
        return ""

    for text in _strings_in(value):
        _substitute(text, record)
    return list(found)


def _substitute(text: str, value_of: Callable[[Variable], str]) -> str:
    if "${" not in text:
        return text
    return _REFERENCE.sub(lambda match: "${" if match["literal"] else value_of(_variable(match, text)), text)


def _variable(match: re.Match[str], text: str) -> Variable:
    inside = None if match["broken"] else _INSIDE.fullmatch(match["inside"])
    if inside is None:
        start = text[match.start() : match.start() + 40]
        raise RunbookError(
            f"'{start}' is not a valid variable", remedy="Write ${NAME} or ${NAME:-default}; $${ is a literal ${"
        )
    return Variable(inside["name"], inside["default"])


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _map_strings(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_strings(item, change) for item in value]
    return value


def _strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _strings_in(item)
