"""`waivern artifacts`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from waivern.cli.shell.groups import SuggestingGroup
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import duration, result, state
from waivern.cli.terminal.output import as_csv, as_json, as_table, remark, write
from waivern.cli.terminal.summary import files_in_words
from waivern.escaping import lines
from waivern.formats.records_as_json import artifact_as_json
from waivern.operations.application import Application
from waivern.operations.exports.export_artifacts import export_artifacts
from waivern.operations.history.show_history import show_artifact, show_run

_TITLES = ("ARTIFACT", "STATUS", "COMPONENT", "SCHEMA", "TIME", "RESULT")
_CSV_COLUMNS = (
    *("artifact_id", "status", "component", "schema", "started_at", "ended_at", "duration_seconds", "skip_reason"),
    *(
        "skipped_because",
        "error",
        "output",
        "optional",
        "digest",
        "size",
        "kind",
        "retain",
        "pruned_at",
        "pruned_because",
    ),
)


@click.group(cls=SuggestingGroup, short_help="List, show and export a run's artifacts.")
def artifacts() -> None:
    """List, show and export the artifacts of a run.

    RUN is a run's id, a prefix of it, or 'latest'.
    """


@artifacts.command("list", short_help="List the artifacts of a run.")
@click.argument("run")
@database_option
@format_option("table", "json", "csv")
@pass_existing
def list_artifacts(application: Application, run: str, output_format: str) -> None:
    """List the artifacts of a run with their status.

    \b
    Example:
      waivern artifacts list latest
    """
    records = show_run(application, run).artifacts
    if output_format == "json":
        write(as_json([artifact_as_json(artifact) for artifact in records]))
    elif output_format == "csv":
        write(as_csv([artifact_as_json(artifact) for artifact in records], _CSV_COLUMNS))
    else:
        rows = [
            (
                artifact.artifact_id,
                state(artifact.status),
                artifact.component or "",
                artifact.schema or "",
                duration(artifact.duration_seconds),
                result(artifact),
            )
            for artifact in records
        ]
        write(as_table(_TITLES, rows, right=("TIME",)))


@artifacts.command(short_help="Print the content of an artifact.")
@click.argument("run")
@click.argument("artifact")
@database_option
@format_option("json", "text")
@pass_existing
def show(application: Application, run: str, artifact: str, output_format: str) -> None:
    """Print the content of an artifact.

    ARTIFACT is its id, or the name that the runbook gives to an output of a child runbook.

    \b
    Examples:
      waivern artifacts show latest personal_data
      waivern artifacts show latest personal_data --format text
    """
    content = show_artifact(application, run, artifact).content
    write(_as_text(content) if output_format == "text" else as_json(content))


@artifacts.command(short_help="Write the artifacts of a run to files.")
@click.argument("run")
@click.option(
    "--output-dir", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder to write to."
)
@click.option("--only-outputs", is_flag=True, help="Only artifacts that are marked as output.")
@database_option
@format_option("text", "json")
@pass_existing
def export(application: Application, run: str, output_dir: Path, only_outputs: bool, output_format: str) -> None:
    """Write the artifacts of a run to files, one JSON file each.

    Only this user can read the files, because source artifacts contain the scanned data.

    \b
    Example:
      waivern artifacts export latest --output-dir results
    """
    exported = export_artifacts(application, run, output_dir, only_outputs=only_outputs)
    for line in files_in_words(exported):
        remark(line)
    if output_format == "json":
        write(as_json([{"artifact_id": name, "file": str(file)} for name, file in exported.files.items()]))
    else:
        write("\n".join(str(file) for file in exported.files.values()))


def _as_text(content: Mapping[str, Any]) -> str:
    """Return findings as a table, extracted texts under their sources, and any other content as JSON."""
    if isinstance(content.get("findings"), list):
        return _findings(content["findings"])
    if isinstance(content.get("data"), list):
        return "\n\n".join(lines(_item(item)) for item in content["data"])
    return as_json(content)


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            str(finding.get("category", "")),
            str(finding.get("rule", "")),
            _location(finding),
            _confidence(finding),
            ", ".join(str(evidence.get("content", "")) for evidence in finding.get("evidence") or []),
        )
        for finding in findings
    ]
    return (
        as_table(("CATEGORY", "RULE", "LOCATION", "CONFIDENCE", "EVIDENCE"), rows, right=("CONFIDENCE",))
        if rows
        else "No findings"
    )


def _confidence(finding: Mapping[str, Any]) -> str:
    confidence = finding.get("confidence")
    return f"{confidence:.0%}" if isinstance(confidence, int | float) else ""


def _location(finding: Mapping[str, Any]) -> str:
    """Return the location of a finding in short: "a.txt:1,7", "customers.email", or the name of the source."""
    location, metadata = (_mapping(finding.get(key)) for key in ("location", "metadata"))
    table_column = ".".join(str(location[key]) for key in ("table", "column") if location.get(key))
    name = str(location.get("file_path") or table_column or metadata.get("source", ""))
    line_numbers = location.get("lines") or ([location["line"]] if location.get("line") else [])
    return f"{name}:{','.join(map(str, line_numbers))}" if line_numbers else name


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return as_json(item)
    metadata = item.get("metadata")
    source = metadata.get("source") if isinstance(metadata, Mapping) else item.get("file_path")
    text = item.get("content", item.get("raw_content"))
    return f"== {source}\n{text if isinstance(text, str) else as_json(text)}"
