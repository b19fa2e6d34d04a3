"""The registry of connectors and analysers."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.components.container import ServiceContainer
from waivern.components.factory import ComponentFactory
from waivern.discovery import PlugInError, PlugIns
from waivern.errors import ComponentNotFoundError

T = TypeVar("T")

CONNECTORS = "waivern.connectors"
ANALYSERS = "waivern.analysers"


class Factories(Mapping[str, ComponentFactory[T]], Generic[T]):
    """The factories of one entry-point group, each loaded on first access.

    A name may end with the kind, as in older runbooks: `personal_data_analyser` is `personal_data`. `broken` maps the
    name of each plug-in that cannot be used to the reason. An unknown name raises an error that is both a
    `ComponentNotFoundError` and a `KeyError`, as for any mapping.
    """

    def __init__(self, kind: str, group: str, container: ServiceContainer) -> None:
        self._kind = kind
        self._group = group
        self._container = container
        self._factories: dict[str, ComponentFactory[T]] = {}
        self._broken: dict[str, str] = {}

    def __getitem__(self, name: str) -> ComponentFactory[T]:
        for installed_name in (name, name.removesuffix(f"_{self._kind}")):
            if installed_name in self._plug_ins.names:
                factory = self._load(installed_name)
                if factory is not None:
                    return factory
                break
        raise _UnknownComponentError(self._kind, name, list(self), broken=self._broken.get(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._load_all())

    def __len__(self) -> int:
        return len(self._load_all())

    @property
    def broken(self) -> Mapping[str, str]:
        self._load_all()
        return self._broken

    @functools.cached_property
    def _plug_ins(self) -> PlugIns:
        return PlugIns(self._group)

    def _load_all(self) -> list[str]:
        return [name for name in self._plug_ins.names if self._load(name) is not None]

    def _load(self, name: str) -> ComponentFactory[T] | None:
        """Return a factory, or None if it cannot be used."""
        if name not in self._factories and name not in self._broken:
            try:
                self._factories[name] = _create_factory(self._plug_ins.load(name), self._container)
            except PlugInError as error:
                self._broken[name] = str(error)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in's factory may raise anything, even SystemExit
                self._broken[name] = f"{type(error).__name__}: {error}"
        return self._factories.get(name)


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
