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
def components(application: Application, form: str) -> None:
    """List the connectors, analysers and exporters there are, with what they take and make.

    A plug-in that cannot be used is listed with the reason.

    \b
    Example:
      waivern components --format json
    """
    found = list_components(application)
    if form == "json":
        write(as_json([_as_json(component) for component in found]))
    else:
        write(as_table(("KIND", "NAME", "TAKES", "MAKES"), [_as_row(component) for component in found]))


def _as_json(component: ComponentDescription) -> dict[str, Any]:
    return {
        "kind": component.kind,
        "name": component.name,
        "takes": [[str(schema) for schema in combination] for combination in component.takes],
        "makes": [str(schema) for schema in component.makes],
        "broken": component.broken,
    }


def _as_row(component: ComponentDescription) -> tuple[str | Styled, ...]:
    if component.broken is not None:
        return component.kind, component.name, "", Styled(f"broken: {component.broken}", "red")
    takes = " or ".join(" + ".join(map(str, combination)) for combination in component.takes)
    return component.kind, component.name, takes, ", ".join(map(str, component.makes))
