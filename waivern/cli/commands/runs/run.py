"""`waivern run`."""

import math
from collections.abc import Sequence
from pathlib import Path

import click

from waivern.cli.commands.runs.execution import execute_with_progress, exit_code, print_report
from waivern.cli.commands.runs.export import export_requests
from waivern.cli.shell.options import (
    database_option,
    format_option,
    log_format_option,
    pass_application,
    working_directory_option,
)
from waivern.cli.terminal.progress_factory import progress_on_standard_error
from waivern.operations.application import Application
from waivern.operations.exports.export_run import ExportRequest
from waivern.operations.runs.run_request import RunRequest
from waivern.runbooks.model.durations import MAX_DURATION_S
from waivern.runbooks.model.gate import parse_gate


def _as_seconds(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_DURATION_S:
        raise click.BadParameter(
            f"'{text}' is not a valid number of seconds: it must be more than 0 and at most a year.", context, option
        )
    return seconds


def _as_gates(_context: click.Context, _option: click.Parameter, gates: Sequence[str]) -> Sequence[str]:
    return [parse_gate(gate).text for gate in gates]


@click.command(short_help="Run a runbook and store its results.")
@click.argument("runbook", type=click.Path(path_type=Path))
@click.option("--output-dir", type=click.Path(path_type=Path), metavar="DIR", help="Also write the artifacts to DIR.")
@click.option(
    "--timeout", "timeout_s", callback=_as_seconds, metavar="S", help="Stop after S seconds and skip the rest."
)
@click.option("--max-concurrency", type=click.IntRange(min=1), metavar="N", help="Run at most N artifacts at a time.")
@click.option(
    "--exporter",
    "exports",
    multiple=True,
    metavar="FORMAT[=FILE]",
    callback=export_requests,
    help="Also export in this format (repeatable).",
)
@working_directory_option
@click.option("--resume", metavar="RUN", help="Resume an unfinished run: its id, a prefix, or 'latest'.")
@click.option(
    "--fail-on",
    "gates",
    multiple=True,
    callback=_as_gates,
    metavar="GATE",
    help="Exit with 1 on this gate: new:high, incomplete (repeatable).",
)
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@log_format_option
@database_option
@format_option("text", "json")
@pass_application
@click.pass_context
def run(
    context: click.Context,
    application: Application,
    runbook: Path,
    output_dir: Path | None,
    timeout_s: float | None,
    max_concurrency: int | None,
    exports: tuple[ExportRequest, ...],
    working_directory: Path | None,
    resume: str | None,
    gates: Sequence[str],
    quiet: bool,
    output_format: str,
) -> None:
    """Run a runbook and store its results.

    Progress goes to standard error, the result to standard output. Ctrl-C cancels the run; the artifacts that have
    succeeded are kept, and --resume runs the rest. The exit code is 1 if a gate fails (--fail-on, or `gates` in the
    runbook) because of a finding or a coverage gap.

    \b
    Examples:
      waivern run nightly.yaml
      waivern run nightly.yaml --timeout 600 --output-dir results
      waivern run nightly.yaml --exporter sarif=scan.sarif --exporter html=scan.html
      waivern run nightly.yaml --resume latest
      waivern run nightly.yaml --fail-on new:high --fail-on incomplete
      waivern run nightly.yaml --format json | jq .status
    """
    request = RunRequest(
        runbook,
        timeout_s=timeout_s,
        max_concurrency=max_concurrency,
        working_directory=working_directory,
        resume=resume,
        gates=gates,
        output_dir=output_dir,
        exports=exports,
    )
    report = execute_with_progress(application, request, progress_on_standard_error(quiet=quiet))
    print_report(report, output_format=output_format, runbook=runbook)
    context.exit(exit_code(report))
