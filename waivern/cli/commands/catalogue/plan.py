"""`waivern plan`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from waivern.cli.shell.escaping import one_line
from waivern.cli.shell.options import database_option, format_option, pass_application, working_directory_option
from waivern.cli.terminal.formatting import count
from waivern.cli.terminal.output import as_json, as_table, write
from waivern.operations.application import Application
from waivern.operations.catalogue.describe_plan import PlanDescription, PlannedArtifact, describe_plan
from waivern.operations.runs.run_runbook import plan_runbook


@click.command(short_help="Show a runbook's artifacts and their order.")
@click.argument("runbook", type=click.Path(path_type=Path))
@working_directory_option
@database_option
@format_option("text", "mermaid", "json")
@pass_application
def plan(application: Application, runbook: Path, working_directory: Path | None, form: str) -> None:
    """Show what a runbook would make, in which order.

    Nothing is run, and no variable's value is shown. The artifacts of child runbooks stand among the others.

    \b
    Examples:
      waivern plan nightly.yaml
      waivern plan nightly.yaml --format mermaid > nightly.mmd
    """
    described = describe_plan(plan_runbook(application, runbook, working_directory=working_directory))
    if form == "json":
        write(as_json(_as_json(described)))
    elif form == "mermaid":
        write("\n".join(_as_mermaid(described)))
    else:
        write("\n\n".join(_as_text(described)))


def _as_json(described: PlanDescription) -> dict[str, Any]:
    return {**asdict(described), "artifacts": [_artifact_as_json(artifact) for artifact in described.artifacts]}


def _artifact_as_json(artifact: PlannedArtifact) -> dict[str, Any]:
    return {
        **asdict(artifact),
        "schema": str(artifact.schema),
        "input_schemas": [str(schema) for schema in artifact.input_schemas],
    }


def _as_text(described: PlanDescription) -> Iterator[str]:
    deadline = f"{described.timeout_s:g} s" if described.timeout_s is not None else "no timeout"
    yield (
        f"{click.style(one_line(described.runbook), bold=True)}: {count(len(described.artifacts), 'artifact')}, "
        f"{described.max_concurrency:,} at a time, {deadline}"
    )
    rows = [
        (artifact.artifact_id, artifact.kind, artifact.component, str(artifact.schema), _made_from(artifact))
        for artifact in described.artifacts
    ]
    yield as_table(("ARTIFACT", "KIND", "COMPONENT", "SCHEMA", "MADE FROM"), rows)
    if described.variables:
        yield f"Variables: {', '.join(described.variables)}"


def _made_from(artifact: PlannedArtifact) -> str:
    remarks = [word for word in ("output", "optional") if getattr(artifact, word)]
    if artifact.aliases:
        remarks.append(f"known as {', '.join(artifact.aliases)}")
    return " ".join(filter(None, (", ".join(artifact.inputs), f"({'; '.join(remarks)})" if remarks else "")))


def _as_mermaid(described: PlanDescription) -> Iterator[str]:
    """A flow chart (mermaid.js.org); nodes are numbered, for a name may hold what mermaid reads as its own."""
    node = {artifact.artifact_id: f"a{number}" for number, artifact in enumerate(described.artifacts)}
    yield "flowchart TD"
    for artifact in described.artifacts:
        opening, closing = ('[("', '")]') if not artifact.inputs else ('["', '"]')
        label = f"{_escaped(artifact.artifact_id)}<br/>{_escaped(artifact.component)}"
        yield f"    {node[artifact.artifact_id]}{opening}{label}{closing}"
    for artifact in described.artifacts:
        arrow = "-.->" if artifact.optional else "-->"
        yield from (f"    {node[each]} {arrow} {node[artifact.artifact_id]}" for each in artifact.inputs)


def _escaped(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in " _-./" else f"#{ord(character)};" for character in text
    )
