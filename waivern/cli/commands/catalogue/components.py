"""`waivern components`."""

from typing import Any

import click

from waivern.cli.shell.options import format_option, pass_application
from waivern.cli.terminal.output import Styled, as_json, as_table, write
from waivern.operations.application import Application
from waivern.operations.catalogue.list_components import ComponentDescription, list_components


@click.command(short_help="List connectors, analysers and exporters.")
@format_option("table", "json")
@pass_application
def components(application: Application, output_format: str) -> None:
    """List connectors, analysers and exporters.

    Inputs and outputs are shown. Plug-ins that cannot be used are listed with the reason.

    \b
    Example:
      waivern components --format json
    """
    descriptions = list_components(application)
    if output_format == "json":
        write(as_json([_as_json(component) for component in descriptions]))
    else:
        write(as_table(("KIND", "NAME", "INPUTS", "OUTPUTS"), [_as_row(component) for component in descriptions]))


def _as_json(component: ComponentDescription) -> dict[str, Any]:
    return {
        "kind": component.kind,
        "name": component.name,
        "inputs": [[str(schema) for schema in combination] for combination in component.inputs],
        "outputs": [str(schema) for schema in component.outputs],
        "broken": component.broken,
    }


def _as_row(component: ComponentDescription) -> tuple[str | Styled, ...]:
    if component.broken is not None:
        return component.kind, component.name, "", Styled(f"broken: {component.broken}", "red")
    inputs = " or ".join(" + ".join(map(str, combination)) for combination in component.inputs)
    return component.kind, component.name, inputs, ", ".join(map(str, component.outputs))
