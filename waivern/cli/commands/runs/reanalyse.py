"""`waivern reanalyse`."""

import functools
from pathlib import Path

import click

from waivern.cli.commands.runs.execution import execute_with_progress, exit_code, print_report
from waivern.cli.shell.options import (
    database_option,
    format_option,
    log_format_option,
    pass_existing,
    working_directory_option,
)
from waivern.cli.terminal.progress_factory import progress_on_standard_error
from waivern.operations.application import Application
from waivern.operations.runs.reanalyse_run import reanalysis_of


@click.command(short_help="Apply the current rules to a past run's data.")
@click.argument("run")
@functools.partial(working_directory_option, default="the current")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@log_format_option
@database_option
@format_option("text", "json")
@pass_existing
@click.pass_context
def reanalyse(
    context: click.Context,
    application: Application,
    run: str,
    working_directory: Path | None,
    quiet: bool,
    output_format: str,
) -> None:
    """Apply the current rules to a past run's data.

    No source is read again. The reanalysis is a run of its own with the runbook of that run. It is compared to that run
    and does not change the status of findings. RUN is a run's id, a prefix of it, or 'latest'.

    \b
    Examples:
      waivern reanalyse latest
      waivern reanalyse 019ab3c4-5d6e --format json
    """
    with reanalysis_of(application, run, working_directory=working_directory) as request:
        report = execute_with_progress(application, request, progress_on_standard_error(quiet=quiet))
    print_report(report, output_format=output_format, runbook=Path("RUNBOOK"))
    context.exit(exit_code(report))
