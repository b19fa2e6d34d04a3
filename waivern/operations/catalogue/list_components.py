"""List the installed connectors, analysers and exporters, and the broken plug-ins."""

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
    """The inputs and outputs of one component.

    Args:
        kind: The kind of component.
        name: Its name in runbooks.
        outputs: The schemas that it can produce; for an exporter, its media type.
        inputs: The combinations of input schemas that an analyser accepts.
        broken: Why it cannot be used, if so; `outputs` and `inputs` are then empty.
    """

    kind: Kind
    name: str
    outputs: tuple[Schema | str, ...] = ()
    inputs: tuple[tuple[Schema, ...], ...] = ()
    broken: str | None = None


def list_components(application: Application) -> list[ComponentDescription]:
    """Return connectors, analysers and exporters, each sorted by name."""
    registry = application.registry
    return [
        *_describe_all("connector", registry.connector_factories),
        *_describe_all("analyser", registry.analyser_factories),
        *_describe_exporters(Exporters()),
    ]


def _describe_exporters(exporters: Exporters) -> Iterator[ComponentDescription]:
    for name in sorted({*exporters, *exporters.broken}):
        if name in exporters.broken:
            yield ComponentDescription("exporter", name, broken=exporters.broken[name])
        else:
            yield ComponentDescription("exporter", name, outputs=(exporters[name].get_media_type(),))


def _describe_all(kind: Kind, factories: Factories[Any]) -> Iterator[ComponentDescription]:
    broken: Mapping[str, str] = factories.broken
    for name in sorted({*factories, *broken}):
        if name in broken:
            yield ComponentDescription(kind, name, broken=broken[name])
        else:
            yield _describe(kind, name, factories)


def _describe(kind: Kind, name: str, factories: Factories[Any]) -> ComponentDescription:
    try:
        component = factories[name].component_class
        inputs = component.get_input_requirements() if kind == "analyser" else []
        return ComponentDescription(
            kind,
            name,
            tuple(component.get_supported_output_schemas()),
            tuple(tuple(combination) for combination in inputs),
        )
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything
        return ComponentDescription(kind, name, broken=f"{type(error).__name__}: {error}")
