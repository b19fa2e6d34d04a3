"""What stands in the environment for a property that a runbook leaves out.

A factory's `create` takes properties and nothing else, so the environment is handed over beside them, for the time of
the call, as the folder of relative paths is: see `working_directory`.
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
class Variables:
    """The environment variables that stand for a property; the first that is set and not empty is meant.

    `are_secret` says that their values are kept out of whatever a run writes, as those of `${NAME}` are.
    """

    names: tuple[str, ...]
    are_secret: bool = False


@dataclass(frozen=True)
class _Environment:
    variables: Mapping[str, str]
    secrets: set[str]


_environment: ContextVar[_Environment | None] = ContextVar("waivern_environment", default=None)


@contextmanager
def looking_up_in(environment: Mapping[str, str], *, secrets: set[str]) -> Iterator[None]:
    """Mean variables of `environment` within the block; the names of the secret ones looked up are put in `secrets`."""
    token = _environment.set(_Environment(environment, secrets))
    try:
        yield
    finally:
        _environment.reset(token)


def validated_with_variables(
    model: "type[Model]", properties: Mapping[str, Any], *, component: str, variables: Mapping[str, Variables]
) -> "Model":
    """Return `properties` as a pydantic model, those that are left out, null or "" from the environment.

    Args:
        variables: What stands for a property, by its name.

    Raises:
        InvalidPropertiesError: as with `validated`; of a property that is missing it says which variable to set.
    """
    given = dict(properties)
    for name, meant in variables.items():
        if given.get(name) in (None, ""):
            given.pop(name, None)
            found = _value_of(meant)
            given |= {} if found is None else {name: found}
    try:
        return validated(model, given, component=component)
    except InvalidPropertiesError as error:
        names = {name: meant.names[0] for name, meant in variables.items() if name not in given}
        problems = {
            name: f"{fault}, here or as the environment variable {names[name]}" if name in names else fault
            for name, fault in error.problems.items()
        }
        raise InvalidPropertiesError(component, problems) from None


def _value_of(meant: Variables) -> str | None:
    environment = _environment.get() or _Environment(os.environ, set())
    for name in meant.names:
        value = environment.variables.get(name)
        if value:
            if meant.are_secret:
                environment.secrets.add(name)
            return value
    return None
