"""The registry of connectors and analysers."""

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
    """The factories of one entry-point group, loaded on first access.

    A name may end with the kind, as in older runbooks: `personal_data_analyser` is `personal_data`. `broken` maps the
    name of each plug-in that cannot be used to the reason. An unknown name raises an error that is both a
    `ComponentNotFoundError` and a `KeyError`, as for any mapping.
    """

    def __init__(self, kind: str, group: str, container: ServiceContainer) -> None:
        self._kind = kind
        self._group = group
        self._container = container

    def __getitem__(self, name: str) -> ComponentFactory[T]:
        factories, broken = self._loaded
        factory = factories.get(name) or factories.get(name.removesuffix(f"_{self._kind}"))
        if factory is None or name in broken:
            raise _UnknownComponentError(self._kind, name, factories, broken=broken.get(name))
        return factory

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded[0])

    def __len__(self) -> int:
        return len(self._loaded[0])

    @property
    def broken(self) -> Mapping[str, str]:
        return self._loaded[1]

    @functools.cached_property
    def _loaded(self) -> tuple[dict[str, ComponentFactory[T]], dict[str, str]]:
        discovered = discover(self._group)
        factories: dict[str, ComponentFactory[T]] = {}
        broken = dict(discovered.broken)
        for name, factory_class in discovered.loaded.items():
            try:
                factories[name] = _create_factory(factory_class, self._container)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in's factory may raise anything, even SystemExit
                broken[name] = f"{type(error).__name__}: {error}"
        return factories, broken


class ComponentRegistry:
    """Connectors and analysers by their name in a runbook (`type`); shared by the Planner and the executor."""

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


def _create_factory(factory_class: Any, container: ServiceContainer) -> ComponentFactory[Any]:
    factory = factory_class(container)
    if not isinstance(factory, ComponentFactory):
        raise TypeError(f"{factory_class!r} is not a ComponentFactory")
    return factory
