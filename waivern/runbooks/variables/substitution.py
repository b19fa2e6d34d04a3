"""What `${NAME}` in a component's properties means.

`${NAME}` stands for a variable of the environment, `${NAME:-default}` for the default where the variable is unset or
empty. `$${` is a literal `${`; every other `$` stands for itself. What a variable holds is not searched again, and
keys are left alone.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from waivern.errors import RunbookError

DUE_AT = "WAIVERN_DUE_AT"
"""The variable that stands for the instant that a run was due, or at which it began: no secret, and always set."""

_REFERENCE = re.compile(r"(?P<literal>\$\$\{)|\$\{(?P<inside>[^{}]*)\}|(?P<broken>\$\{)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


class Variable(NamedTuple):
    """One `${NAME}`; `default` is None where none is written."""

    name: str
    default: str | None

    def value_in(self, environment: Mapping[str, str]) -> str | None:
        """Return what it stands for, or None where it is unset and has no default."""
        if self.default is not None:
            return environment.get(self.name) or self.default
        return environment.get(self.name)


def process_environment() -> Mapping[str, str]:
    """Return the environment that `${NAME}` is looked up in unless told otherwise."""
    return os.environ


def with_due_at(environment: Mapping[str, str], due_at: datetime) -> Mapping[str, str]:
    """Return the environment in which `${WAIVERN_DUE_AT}` stands for the instant (aware): "2026-11-24T02:00:00Z"."""
    said = due_at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    return Overlaid(environment, {DUE_AT: f"{said}Z"})


class Overlaid(Mapping[str, str]):
    """An environment with some variables put over it; of the others only what is asked for is looked up in it."""

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
    """Return `value` with every `${NAME}` in its strings replaced, however deep in mappings and lists they are.

    Raises:
        RunbookError: a variable is unset and has no default, or what stands there is no variable.
    """

    def resolved(variable: Variable) -> str:
        found = variable.value_in(environment)
        if found is None:
            raise RunbookError(
                f"${{{variable.name}}} is not set",
                remedy=f"Set the environment variable {variable.name}, or write a default: ${{{variable.name}:-...}}",
            )
        return found

    return _mapped(value, lambda text: _replaced(text, resolved))


def variables_in(value: Any) -> list[Variable]:
    """Return every variable in the strings of `value`, in the order in which they are written, each once.

    Raises:
        RunbookError: something that starts as a variable is none, such as `${1}` or `${NAME`.
    """
    found: dict[Variable, None] = {}

    def noted(variable: Variable) -> str:
        found[variable] = None
        return ""

    for text in _strings_in(value):
        _replaced(text, noted)
    return list(found)


def _replaced(text: str, resolved: Callable[[Variable], str]) -> str:
    if "${" not in text:
        return text
    return _REFERENCE.sub(lambda match: "${" if match["literal"] else resolved(_variable(match, text)), text)


def _variable(match: re.Match[str], text: str) -> Variable:
    inside = None if match["broken"] else _INSIDE.fullmatch(match["inside"])
    if inside is None:
        start = text[match.start() : match.start() + 40]
        raise RunbookError(f"'{start}' is no variable", remedy="Write ${NAME} or ${NAME:-default}; $${ is a literal ${")
    return Variable(inside["name"], inside["default"])


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(each, change) for each in value]
    return value


def _strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _strings_in(each)
