"""The container in which components find services."""

import threading
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from waivern.errors import ServiceNotRegisteredError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ServiceFactory(Protocol[T_co]):
    """Creates one service."""

    def create(self) -> T_co: ...


@dataclass(frozen=True)
class ExistingService(Generic[T]):
    """A factory that returns an existing service."""

    service: T

    def create(self) -> T:
        return self.service


@dataclass(frozen=True)
class ServiceDescriptor(Generic[T]):
    """How a service is created: once ("singleton"), or for each request ("transient")."""

    service_type: type[T]
    factory: ServiceFactory[T]
    lifetime: Literal["singleton", "transient"] = "singleton"


class ServiceContainer:
    """Services by type. Thread-safe; a singleton is created once."""

    def __init__(self) -> None:
        self._descriptors: dict[type[Any], ServiceDescriptor[Any]] = {}
        self._singletons: dict[type[Any], Any] = {}
        self._lock = threading.RLock()

    def register(self, descriptor: ServiceDescriptor[T]) -> None:
        """Register how a service is created; replaces an earlier registration of the same type."""
        with self._lock:
            self._descriptors[descriptor.service_type] = descriptor
            self._singletons.pop(descriptor.service_type, None)

    def get_service(self, service_type: type[T]) -> T:
        """Return the service.

        Raises:
            ServiceNotRegisteredError: the type is not registered.
        """
        with self._lock:
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
