"""The container, the registry, and factories."""

import threading
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

import waivern.discovery
from waivern import (
    ArtifactStore,
    ComponentNotFoundError,
    ComponentRegistry,
    InMemoryArtifactStore,
    InvalidPropertiesError,
    ServiceContainer,
    ServiceDescriptor,
    ServiceNotRegisteredError,
)
from waivern.components.factory import validated
from waivern.components.working_directory import current, resolve_path, use_working_directory
from waivern.testing.builders import FunctionConnector, FunctionFactory


class CountingFactory:
    def __init__(self) -> None:
        self.made = 0

    def create(self) -> InMemoryArtifactStore:
        self.made += 1
        return InMemoryArtifactStore()


def test_a_singleton_is_created_once_across_threads() -> None:
    container, factory, services = ServiceContainer(), CountingFactory(), []
    container.register(ServiceDescriptor(ArtifactStore, factory))
    threads = [threading.Thread(target=lambda: services.append(container.get_service(ArtifactStore))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert factory.made == 1
    assert len({id(service) for service in services}) == 1


def test_a_transient_service_is_created_for_each_request() -> None:
    container, factory = ServiceContainer(), CountingFactory()
    container.register(ServiceDescriptor(ArtifactStore, factory, "transient"))
    assert container.get_service(ArtifactStore) is not container.get_service(ArtifactStore)
    assert factory.made == 2


def test_a_service_that_is_registered_again_is_replaced() -> None:
    container = ServiceContainer()
    container.register(ServiceDescriptor(ArtifactStore, CountingFactory()))
    first = container.get_service(ArtifactStore)
    container.register(ServiceDescriptor(ArtifactStore, CountingFactory()))
    assert container.get_service(ArtifactStore) is not first


def test_an_unregistered_service_is_an_error_that_names_the_registered_ones() -> None:
    container = ServiceContainer()
    container.register(ServiceDescriptor(ArtifactStore, CountingFactory()))
    with pytest.raises(ServiceNotRegisteredError, match="No service is registered for int.*registered: ArtifactStore"):
        container.get_service(int)


class Offered:
    """The entry points that a test declares as installed, and how often they were queried."""

    def __init__(self, **by_name: str) -> None:
        self.entry_points = [EntryPoint(name, value, "waivern.connectors") for name, value in by_name.items()]
        self.looked = 0

    def __call__(self, *, group: str) -> list[EntryPoint]:
        self.looked += group == "waivern.connectors"
        return [entry_point for entry_point in self.entry_points if entry_point.group == group]


class GoodFactory(FunctionFactory[Any]):
    def __init__(self, container: ServiceContainer) -> None:
        super().__init__(FunctionConnector, lambda _properties: {})
        self.container = container


def BrokenFactory(_container: ServiceContainer) -> None:
    raise OSError("no licence file")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Offered:
    offered = Offered(
        good=f"{__name__}:GoodFactory",
        missing="no_such_package.module:Factory",
        broken=f"{__name__}:BrokenFactory",
        odd="builtins:dict",
    )
    monkeypatch.setattr(waivern.discovery, "entry_points", offered)
    return offered


def test_components_are_discovered_once_and_only_on_demand(installed: Offered) -> None:
    registry = ComponentRegistry(ServiceContainer())
    assert installed.looked == 0
    for _ in range(3):
        assert "good" in registry.connector_factories
    assert installed.looked == 1


def test_a_factory_receives_the_container(installed: Offered) -> None:
    container = ServiceContainer()
    factory = ComponentRegistry(container).connector_factories["good"]
    assert isinstance(factory, GoodFactory) or type(factory).__name__ == "GoodFactory"
    assert vars(factory)["container"] is container


def test_a_broken_plug_in_is_reported_by_name_and_others_still_work(installed: Offered) -> None:
    factories = ComponentRegistry(ServiceContainer()).connector_factories
    assert list(factories) == ["good"]
    assert set(factories.broken) == {"missing", "broken", "odd"}
    assert "no_such_package" in factories.broken["missing"]
    assert factories.broken["broken"] == "OSError: no licence file"


def test_requesting_a_broken_plug_in_gives_the_reason(installed: Offered) -> None:
    factories = ComponentRegistry(ServiceContainer()).connector_factories
    with pytest.raises(ComponentNotFoundError, match="'broken' cannot be imported: OSError: no licence file"):
        factories["broken"]


def test_requesting_an_unknown_component_suggests_the_nearest_name(installed: Offered) -> None:
    factories = ComponentRegistry(ServiceContainer()).connector_factories
    with pytest.raises(ComponentNotFoundError, match="no connector named 'god'. Did you mean 'good'?"):
        factories["god"]
    assert factories.get("god") is None


def test_a_name_that_two_packages_provide_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = Offered(good=f"{__name__}:GoodFactory")
    offered.entry_points.append(EntryPoint("good", "another:Factory", "waivern.connectors"))
    monkeypatch.setattr(waivern.discovery, "entry_points", offered)
    factories = ComponentRegistry(ServiceContainer()).connector_factories
    assert "good" not in factories
    assert "more than one package" in factories.broken["good"]


class Nested(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ruleset: str = "x"


class Properties(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str
    password: int = 0
    pattern_matching: Nested = Nested()


def faults_of(properties: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidPropertiesError) as caught:
        validated(Properties, properties, component="files")
    return caught.value.problems


def test_every_invalid_property_is_named_with_its_problem_and_without_its_value() -> None:
    faults = faults_of({"pathh": 1, "password": "hunter2", "pattern_matching": {"rulset": "y"}})
    assert faults["path"] == "is required"
    assert faults["pathh"] == "is not known. Did you mean 'path'?"
    assert faults["pattern_matching.rulset"] == "is not known. Did you mean 'ruleset'?"
    assert "integer" in faults["password"]
    assert "hunter2" not in str(faults)


def test_relative_paths_start_from_the_configured_working_directory(tmp_path: Path) -> None:
    with use_working_directory(tmp_path):
        assert resolve_path("exports") == tmp_path / "exports"
        assert resolve_path("/etc") == Path("/etc")
        with use_working_directory(None):
            assert current() == Path.cwd()
    assert current() == Path.cwd()


class LeavingFactory:
    def __init__(self, container: ServiceContainer) -> None:
        raise SystemExit("I leave")


def test_a_plug_in_that_exits_during_its_import_is_reported_as_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "leaves_on_import.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    offered = Offered(importing="leaves_on_import:Factory", making=f"{__name__}:LeavingFactory")
    monkeypatch.setattr(waivern.discovery, "entry_points", offered)
    factories = ComponentRegistry(ServiceContainer()).connector_factories
    assert list(factories) == []
    assert factories.broken["importing"].startswith("SystemExit: 3 (package ")
    assert factories.broken["making"] == "SystemExit: I leave"
