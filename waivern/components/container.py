"""Where components find the services they need."""

import threading
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from waivern.errors import ServiceNotRegisteredError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ServiceFactory(Protocol[T_co]):
    """Makes one service."""

    def create(self) -> T_co: ...


@dataclass(frozen=True)
class Ready(Generic[T]):
    """A factory of a service that exists already."""

    service: T

    def create(self) -> T:
        return self.service


@dataclass(frozen=True)
class ServiceDescriptor(Generic[T]):
    """How a service is made: once ("singleton") or anew each time ("transient")."""

    service_type: type[T]
    factory: ServiceFactory[T]
    lifetime: Literal["singleton", "transient"] = "singleton"


class ServiceContainer:
    """Services by their type. Safe to ask from several threads; a singleton is made once."""

    def __init__(self) -> None:
        self._descriptors: dict[type[Any], ServiceDescriptor[Any]] = {}
        self._singletons: dict[type[Any], Any] = {}
        self._making = threading.RLock()

    def register(self, descriptor: ServiceDescriptor[T]) -> None:
        """Say how a service is made; a later word on the same type replaces the earlier one."""
        with self._making:
            self._descriptors[descriptor.service_type] = descriptor
            self._singletons.pop(descriptor.service_type, None)

    def get_service(self, service_type: type[T]) -> T:
        """Return the service.

        Raises:
            ServiceNotRegisteredError: nobody registered this type.
        """
        with self._making:
            if service_type in self._singletons:
                return cast("T", self._singletons[service_type])
            descriptor = self._descriptors.get(service_type)
            if descriptor is None:
                raise ServiceNotRegisteredError(
                    service_type.__name__, (registered.__name__ for registered in self._descriptors)
                )
            service = descriptor.factory.create()
            if descriptor.lifetime == "singleton":
                self._singletons[service_type] = service
            return cast("T", service)
