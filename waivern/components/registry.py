"""Which connectors and analysers there are."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.components.container import ServiceContainer
from waivern.components.factory import ComponentFactory
from waivern.discovery import discover
from waivern.errors import ComponentNotFoundError

T = TypeVar("T")

CONNECTORS = "waivern.connectors"
ANALYSERS = "waivern.analysers"


class Factories(Mapping[str, ComponentFactory[T]], Generic[T]):
    """The factories of one entry-point group, found on first access.

    A name may end with the kind, as older runbooks write it: `personal_data_analyser` is `personal_data`.
    `broken` maps the name of each plug-in that cannot be used to the reason. Asking for an unknown name raises
    `ComponentNotFoundError`, which is a `KeyError` too, so that this behaves as any mapping does.
    """

    def __init__(self, kind: str, group: str, container: ServiceContainer) -> None:
        self._kind = kind
        self._group = group
        self._container = container

    def __getitem__(self, name: str) -> ComponentFactory[T]:
        found, broken = self._found
        factory = found.get(name) or found.get(name.removesuffix(f"_{self._kind}"))
        if factory is None or name in broken:
            raise _UnknownComponentError(self._kind, name, found, broken=broken.get(name))
        return factory

    def __iter__(self) -> Iterator[str]:
        return iter(self._found[0])

    def __len__(self) -> int:
        return len(self._found[0])

    @property
    def broken(self) -> Mapping[str, str]:
        return self._found[1]

    @functools.cached_property
    def _found(self) -> tuple[dict[str, ComponentFactory[T]], dict[str, str]]:
        discovered = discover(self._group)
        factories: dict[str, ComponentFactory[T]] = {}
        broken = dict(discovered.broken)
        for name, factory_class in discovered.loaded.items():
            try:
                factories[name] = _made(factory_class, self._container)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in's factory may do anything, even leave
                broken[name] = f"{type(error).__name__}: {error}"
        return factories, broken


class ComponentRegistry:
    """Connectors and analysers by the name that a runbook's `type` says; the Planner and the executor share one."""

    def __init__(self, container: ServiceContainer) -> None:
        self._container = container
        self._connectors: Factories[Connector] = Factories("connector", CONNECTORS, container)
        self._analysers: Factories[Analyser] = Factories("analyser", ANALYSERS, container)

    @property
    def container(self) -> ServiceContainer:
        return self._container

    @property
    def connector_factories(self) -> Factories[Connector]:
        return self._connectors

    @property
    def analyser_factories(self) -> Factories[Analyser]:
        return self._analysers


class _UnknownComponentError(ComponentNotFoundError, KeyError):
    __str__ = ComponentNotFoundError.__str__  # a KeyError shows its argument's repr


def _made(factory_class: Any, container: ServiceContainer) -> ComponentFactory[Any]:
    factory = factory_class(container)
    if not isinstance(factory, ComponentFactory):
        raise TypeError(f"{factory_class!r} is no ComponentFactory")
    return factory
