"""`waivern export`, and what `waivern run --exporter` shares with it."""

import io
import re
import sys
from pathlib import Path
from typing import BinaryIO

import click

from waivern.cli.shell.escaping import json_text, lines
from waivern.cli.shell.exit_codes import silence
from waivern.cli.shell.options import database_option, pass_existing
from waivern.cli.terminal.formatting import short_id
from waivern.cli.terminal.output import on_terminal
from waivern.exports.exporter import Preferences
from waivern.history.run_history import RunRecord
from waivern.operations.application import Application
from waivern.operations.exports.export_run import (
    ExportRequest,
    ExportResult,
    beside,
    check_export,
    export_run,
    export_run_record,
)
from waivern.severity import SEVERITIES

_EXPORTER = re.compile(r"(?P<form>[^=]+)(?:=(?P<file>.+))?", re.DOTALL)


@click.command(short_help="Export a run (HTML, CSV, SARIF, RoPA, ...).")
@click.argument("run", metavar="RUN|RUNBOOK")
@click.option("--format", "form", metavar="FORMAT", default="json", show_default=True, help="How to write it.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it there, for this user only.")
@click.option(
    "--fail-from",
    type=click.Choice(SEVERITIES),
    default=SEVERITIES[0],
    show_default=True,
    help="The severity from which on a finding is a failure (junit).",
)
@click.option(
    "--organisation",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the organisation says of its processing (ropa), in place of the file beside the runbook.",
)
@database_option
@pass_existing
def export(
    application: Application, run: str, form: str, output: Path | None, fail_from: str, organisation: Path | None
) -> None:
    """Write a run down in a format that others read.

    RUNBOOK, a runbook's name or file, means its last complete run. Evidence is masked.
    `waivern components` lists the formats.

    \b
    Examples:
      waivern export latest --format sarif --output scan.sarif
      waivern export latest --format html --output report.html
      waivern export nightly.yaml --format ropa --output record.xlsx
      waivern export "Nightly scan" --format csv --output findings.csv
    """
    request = ExportRequest(form, output, Preferences(fail_from=fail_from), organisation)
    check_export(request)
    told = io.BytesIO() if on_terminal(sys.stdout) else None
    try:
        exported = export_run(application, run, request, stream=told or sys.stdout.buffer)
        if told is not None:
            click.echo(_harmless(told.getvalue().decode()), nl=False)
    except BrokenPipeError:
        silence(sys.stdout)
        return
    tell(exported)


def _harmless(text: str) -> str:
    """What a terminal is shown has no character that it would act upon."""
    return json_text(text) if text.startswith(("{", "[")) else lines(text)


def tell(exported: ExportResult) -> None:
    """Say on standard error what was written where, and what its reader must know."""
    for remark in exported.remarks:
        click.echo(f"{lines(remark)}", err=True)
    if exported.output is not None:
        click.echo(f"Wrote run {short_id(exported.run.id)} as {exported.form} into {exported.output}", err=True)


def export_requests(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[ExportRequest, ...]:
    """Read `FORMAT[=FILE]`, and find out before a run that each could be written."""
    requests = []
    for each in given:
        match = _EXPORTER.fullmatch(each)
        if match is None:
            raise click.BadParameter(f"'{each}' is not FORMAT or FORMAT=FILE.")
        file = match["file"]
        request = ExportRequest(match["form"], None if file is None else Path(file))
        exporter = check_export(request)
        if file is None:
            check_export(ExportRequest(request.form, Path(f"run.{exporter.endings[0]}")))
        requests.append(request)
    return tuple(requests)


def export_after_run(
    application: Application, run: RunRecord, requests: tuple[ExportRequest, ...], *, runbook: Path
) -> None:
    """Write a run that has just ended as each request says; without a file, as RUN.ENDING in the current folder."""
    for request in requests:
        exporter = check_export(request)
        output = request.output or Path(f"{short_id(run.id)}.{exporter.endings[0]}")
        named = beside(ExportRequest(request.form, output, request.preferences), runbook)
        tell(export_run_record(application, run, exporter, named, stream=_nowhere()))


def _nowhere() -> BinaryIO:
    return io.BytesIO()
