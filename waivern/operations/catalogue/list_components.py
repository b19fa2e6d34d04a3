"""Say which connectors, analysers and exporters are installed, and which plug-ins are broken."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from waivern.components.registry import Factories
from waivern.exports.registry import Exporters
from waivern.messages.schema import Schema
from waivern.operations.application import Application

Kind = Literal["connector", "analyser", "exporter"]


@dataclass(frozen=True)
class ComponentDescription:
    """What one component takes and makes; `takes` are an analyser's combinations of input schemas.
    An exporter makes bytes of a media type.

    `broken` says why it cannot be used; the schemas are then empty.
    """

    kind: Kind
    name: str
    makes: tuple[Schema | str, ...] = ()
    takes: tuple[tuple[Schema, ...], ...] = ()
    broken: str | None = None


def list_components(application: Application) -> list[ComponentDescription]:
    """Return the connectors, the analysers, then the exporters, each by name."""
    registry = application.registry
    return [
        *_described("connector", registry.connector_factories),
        *_described("analyser", registry.analyser_factories),
        *_exporters(Exporters()),
    ]


def _exporters(exporters: Exporters) -> Iterator[ComponentDescription]:
    for name in sorted({*exporters, *exporters.broken}):
        if name in exporters.broken:
            yield ComponentDescription("exporter", name, broken=exporters.broken[name])
        else:
            yield ComponentDescription("exporter", name, makes=(exporters[name].get_media_type(),))


def _described(kind: Kind, factories: Factories[Any]) -> Iterator[ComponentDescription]:
    broken: Mapping[str, str] = factories.broken
    for name in sorted({*factories, *broken}):
        if name in broken:
            yield ComponentDescription(kind, name, broken=broken[name])
        else:
            yield _asked(kind, name, factories)


def _asked(kind: Kind, name: str, factories: Factories[Any]) -> ComponentDescription:
    try:
        component = factories[name].component_class
        takes = component.get_input_requirements() if kind == "analyser" else []
        return ComponentDescription(
            kind, name, tuple(component.get_supported_output_schemas()), tuple(tuple(each) for each in takes)
        )
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything
        return ComponentDescription(kind, name, broken=f"{type(error).__name__}: {error}")
