"""The base class of factories, which create connectors and analysers from a runbook's properties."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from waivern.errors import InvalidPropertiesError, did_you_mean

if TYPE_CHECKING:  # pydantic is slow to import, and a factory need not use it
    from pydantic import BaseModel, ValidationError

    from waivern.components.container import ServiceContainer

T = TypeVar("T")
Model = TypeVar("Model", bound="BaseModel")


class ComponentFactory(ABC, Generic[T]):
    """Creates one kind of component. A plug-in's entry point names its class, which is called with the container."""

    def __init__(self, container: "ServiceContainer | None" = None) -> None:
        self._container = container

    @property
    @abstractmethod
    def component_class(self) -> type[T]:
        """Return the class of the components; its class methods are called before any component is created."""

    @abstractmethod
    def create(self, properties: Mapping[str, Any]) -> T:
        """Create a component. `${NAME}` in `properties` is already resolved.

        It is also called to check a runbook, so it must not read a source or open a connection. Relative paths start
        from `waivern.components.working_directory.current()`.

        Raises:
            InvalidPropertiesError: names each invalid property.
        """


def validated(model: "type[Model]", properties: Mapping[str, Any], *, component: str) -> "Model":
    """Return `properties` as a pydantic model.

    Raises:
        InvalidPropertiesError: names each invalid property, with the nearest known name for an unknown one, and
            repeats no value (it may be a password).
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(properties))
    except ValidationError as error:
        raise InvalidPropertiesError(component, _problems(error, model)) from None


def _problems(error: "ValidationError", model: "type[BaseModel]") -> dict[str, str]:
    problems = {}
    for details in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(key) for key in details["loc"])
        problem = str(details["msg"]).removeprefix("Value error, ")
        if details["type"] == "extra_forbidden":
            suggestion = did_you_mean(str(details["loc"][-1]), _known_names(model, details["loc"]))
            problem = f"is not known. {suggestion}" if suggestion else "is not known"
        elif details["type"] == "missing":
            problem = "is required"
        problems[name] = problem
    return problems


def _known_names(model: "type[BaseModel]", location: tuple[int | str, ...]) -> list[str]:
    """Return the names that are allowed at `location`, as far as it can be followed through nested models."""
    current: Any = model
    for key in location[:-1]:
        field = getattr(current, "model_fields", {}).get(key)
        current = field.annotation if field is not None else None
    fields = getattr(current, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]
