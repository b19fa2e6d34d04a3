"""What makes connectors and analysers out of a runbook's properties."""

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
    """Makes one kind of component. A plug-in's entry point leads to its class, which takes the container."""

    def __init__(self, container: "ServiceContainer | None" = None) -> None:
        self._container = container

    @property
    @abstractmethod
    def component_class(self) -> type[T]:
        """Return the class of what `create` makes; its class methods are asked before anything is made."""

    @abstractmethod
    def create(self, properties: Mapping[str, Any]) -> T:
        """Make a component. `${NAME}` in `properties` is resolved already.

        It is called to check a runbook too, so it reads no source and opens no connection. Relative paths are
        meant from `waivern.components.working_directory.current()`.

        Raises:
            InvalidPropertiesError: names each bad property.
        """


def validated(model: "type[Model]", properties: Mapping[str, Any], *, component: str) -> "Model":
    """Return `properties` as a pydantic model.

    Raises:
        InvalidPropertiesError: names each bad property, with the nearest known name for an unknown one, and
            repeats no value (it may be a password).
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(properties))
    except ValidationError as error:
        raise InvalidPropertiesError(component, _faults(error, model)) from None


def _faults(error: "ValidationError", model: "type[BaseModel]") -> dict[str, str]:
    faults = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(step) for step in each["loc"])
        fault = str(each["msg"]).removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            meant = did_you_mean(str(each["loc"][-1]), _known_names(model, each["loc"]))
            fault = f"is not known. {meant}" if meant else "is not known"
        elif each["type"] == "missing":
            fault = "is required"
        faults[name] = fault
    return faults


def _known_names(model: "type[BaseModel]", place: tuple[int | str, ...]) -> list[str]:
    """The names that may stand at `place`, as far as they can be followed through nested models."""
    known: Any = model
    for step in place[:-1]:
        field = getattr(known, "model_fields", {}).get(step)
        known = field.annotation if field is not None else None
    fields = getattr(known, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]
