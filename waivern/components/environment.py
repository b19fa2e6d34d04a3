"""Environment variables as defaults for properties that a runbook does not set.

A factory's `create` takes only properties, so the environment is passed in a context variable for the time of the call,
like the working directory: see `working_directory`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from waivern.components.factory import validated
from waivern.errors import InvalidPropertiesError

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")


@dataclass(frozen=True)
class EnvironmentVariables:
    """The environment variables for a property; the first one that is set and not empty is used.

    If `are_secret`, their values are redacted in everything that a run writes, as the values of `${NAME}` are.
    """

    names: tuple[str, ...]
    are_secret: bool = False


@dataclass(frozen=True)
class _Environment:
    variables: Mapping[str, str]
    secrets: set[str]


_environment: ContextVar[_Environment | None] = ContextVar("waivern_environment", default=None)


@contextmanager
def use_environment(environment: Mapping[str, str], *, secrets: set[str]) -> Iterator[None]:
    """Read variables from `environment` inside the block; names of secret ones that are read are added to `secrets`."""
    token = _environment.set(_Environment(environment, secrets))
    try:
        yield
    finally:
        _environment.reset(token)


def validated_with_variables(
    model: "type[Model]",
    properties: Mapping[str, Any],
    *,
    component: str,
    variables: Mapping[str, EnvironmentVariables],
) -> "Model":
    """Return `properties` as a pydantic model; those that are missing, null or "" are taken from the environment.

    Args:
        variables: The environment variables by property.

    Raises:
        InvalidPropertiesError: as for `validated`; for a missing property it also names the variable to set.
    """
    values = dict(properties)
    for name, candidates in variables.items():
        if values.get(name) in (None, ""):
            values.pop(name, None)
            found = _value_of(candidates)
            values |= {} if found is None else {name: found}
    try:
        return validated(model, values, component=component)
    except InvalidPropertiesError as error:
        names = {name: candidates.names[0] for name, candidates in variables.items() if name not in values}
        problems = {
            name: f"{problem}, here or as the environment variable {names[name]}" if name in names else problem
            for name, problem in error.problems.items()
        }
        raise InvalidPropertiesError(component, problems) from None


def _value_of(candidates: EnvironmentVariables) -> str | None:
    environment = _environment.get() or _Environment(os.environ, set())
    for name in candidates.names:
        value = environment.variables.get(name)
        if value:
            if candidates.are_secret:
                environment.secrets.add(name)
            return value
    return None
