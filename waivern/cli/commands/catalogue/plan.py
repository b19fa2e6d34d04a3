"""`waivern plan`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from waivern.cli.shell.options import database_option, format_option, pass_application, working_directory_option
from waivern.cli.terminal.formatting import count
from waivern.cli.terminal.output import as_json, as_table, write
from waivern.escaping import one_line
from waivern.operations.application import Application
from waivern.operations.catalogue.describe_plan import PlanDescription, PlannedArtifact, describe_plan
from waivern.operations.runs.plan_runbook import plan_runbook


@click.command(short_help="Show a runbook's artifacts and their order.")
@click.argument("runbook", type=click.Path(path_type=Path))
@working_directory_option
@database_option
@format_option("text", "mermaid", "json")
@pass_application
def plan(application: Application, runbook: Path, working_directory: Path | None, output_format: str) -> None:
    """Show the artifacts of a runbook and their order.

    Artifacts of child runbooks are included. Nothing is run, and values of variables are not shown.

    \b
    Examples:
      waivern plan nightly.yaml
      waivern plan nightly.yaml --format mermaid > nightly.mmd
    """
    description = describe_plan(plan_runbook(application, runbook, working_directory=working_directory))
    if output_format == "json":
        write(as_json(_as_json(description)))
    elif output_format == "mermaid":
        write("\n".join(_as_mermaid(description)))
    else:
        write("\n\n".join(_as_text(description)))


def _as_json(description: PlanDescription) -> dict[str, Any]:
    return {**asdict(description), "artifacts": [_artifact_as_json(artifact) for artifact in description.artifacts]}


def _artifact_as_json(artifact: PlannedArtifact) -> dict[str, Any]:
    return {
        **asdict(artifact),
        "schema": str(artifact.schema),
        "input_schemas": [str(schema) for schema in artifact.input_schemas],
    }


def _as_text(description: PlanDescription) -> Iterator[str]:
    deadline = f"{description.timeout_s:g} s" if description.timeout_s is not None else "no timeout"
    yield (
        f"{click.style(one_line(description.runbook), bold=True)}: {count(len(description.artifacts), 'artifact')}, "
        f"{description.max_concurrency:,} at a time, {deadline}"
    )
    rows = [
        (artifact.artifact_id, artifact.kind, artifact.component, str(artifact.schema), _inputs(artifact))
        for artifact in description.artifacts
    ]
    yield as_table(("ARTIFACT", "KIND", "COMPONENT", "SCHEMA", "INPUTS"), rows)
    if description.variables:
        yield f"Variables: {', '.join(description.variables)}"


def _inputs(artifact: PlannedArtifact) -> str:
    notes = [key for key in ("output", "optional") if getattr(artifact, key)]
    if artifact.aliases:
        notes.append(f"alias {', '.join(artifact.aliases)}")
    return " ".join(filter(None, (", ".join(artifact.inputs), f"({'; '.join(notes)})" if notes else "")))


def _as_mermaid(description: PlanDescription) -> Iterator[str]:
    """Yield a Mermaid flow chart. Nodes are numbered, because a name may contain Mermaid syntax."""
    node = {artifact.artifact_id: f"a{number}" for number, artifact in enumerate(description.artifacts)}
    yield "flowchart TD"
    for artifact in description.artifacts:
        opening, closing = ('[("', '")]') if not artifact.inputs else ('["', '"]')
        label = f"{_escaped(artifact.artifact_id)}<br/>{_escaped(artifact.component)}"
        yield f"    {node[artifact.artifact_id]}{opening}{label}{closing}"
    for artifact in description.artifacts:
        arrow = "-.->" if artifact.optional else "-->"
        yield from (f"    {node[name]} {arrow} {node[artifact.artifact_id]}" for name in artifact.inputs)


def _escaped(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in " _-./" else f"#{ord(character)};" for character in text
    )
