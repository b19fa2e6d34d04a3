"""`waivern export`, and the part that `waivern run --exporter` shares with it."""

import io
import re
import sys
from pathlib import Path

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.exit_codes import silence
from waivern.cli.shell.options import database_option, pass_existing
from waivern.cli.terminal.formatting import short_id
from waivern.cli.terminal.output import on_terminal, remark, write
from waivern.escaping import json_text, lines
from waivern.exports.exporter import Preferences
from waivern.operations.application import Application
from waivern.operations.exports.export_run import (
    ExportRequest,
    ExportResult,
    check_export,
    export_run,
)
from waivern.severity import SEVERITIES

_EXPORTER = re.compile(r"(?P<output_format>[^=]+)(?:=(?P<file>.+))?", re.DOTALL)


@click.command(short_help="Export a run (HTML, CSV, SARIF, RoPA, ...).")
@click.argument("run", metavar="RUN|RUNBOOK")
@click.option("--format", "output_format", metavar="FORMAT", default="json", show_default=True, help="Export format.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE, with mode 0600.")
@click.option(
    "--fail-from",
    type=click.Choice(SEVERITIES),
    default=SEVERITIES[0],
    show_default=True,
    help="Lowest severity of a failure (junit).",
)
@click.option(
    "--organisation",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Organisation file (ropa; default: beside the runbook).",
)
@database_option
@pass_existing
def export(
    application: Application,
    run: str,
    output_format: str,
    output: Path | None,
    fail_from: str,
    organisation: Path | None,
) -> None:
    """Export a run in a format for other tools or people.

    RUNBOOK, the name or file of a runbook, selects its last complete run. Evidence is masked.
    `waivern components` lists the formats.

    \b
    Examples:
      waivern export latest --format sarif --output scan.sarif
      waivern export latest --format html --output report.html
      waivern export nightly.yaml --format ropa --output record.xlsx
      waivern export "Nightly scan" --format csv --output findings.csv
    """
    request = ExportRequest(output_format, output, Preferences(fail_from=fail_from), organisation)
    check_export(request)
    buffer = io.BytesIO() if on_terminal(sys.stdout) else None
    try:
        result = export_run(application, run, request, stream=buffer or sys.stdout.buffer, caller=current_caller())
        if buffer is not None:
            write(_escape_controls(buffer.getvalue().decode()).removesuffix("\n"))
    except BrokenPipeError:
        silence(sys.stdout)
        return
    print_result(result)


def _escape_controls(text: str) -> str:
    """Return the text without control characters that a terminal would act on."""
    return json_text(text) if text.startswith(("{", "[")) else lines(text)


def print_result(result: ExportResult) -> None:
    """Print the warnings and the name of the file to standard error."""
    for warning in result.warnings:
        remark(warning)
    if result.output is not None:
        remark(f"Exported run {short_id(result.run.id)} as {result.output_format} to {result.output}")


def export_requests(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[ExportRequest, ...]:
    """Parse `FORMAT[=FILE]` options, and check before the run that each can be written."""
    requests = []
    for value in given:
        match = _EXPORTER.fullmatch(value)
        if match is None:
            raise click.BadParameter(f"'{value}' is not FORMAT or FORMAT=FILE.")
        file = match["file"]
        request = ExportRequest(match["output_format"], None if file is None else Path(file))
        exporter = check_export(request)
        if file is None:
            check_export(ExportRequest(request.output_format, Path(f"run.{exporter.extensions[0]}")))
        requests.append(request)
    return tuple(requests)
