"""`waivern reanalyse`."""

from pathlib import Path

import click

from waivern.cli.commands.runs.run import concluded, ended_as_json, followed, told
from waivern.cli.shell.exit_codes import GATE_FAILED, INCOMPLETE
from waivern.cli.shell.options import (
    database_option,
    format_option,
    log_format_option,
    pass_existing,
    working_directory_option,
)
from waivern.cli.terminal.output import as_json, write
from waivern.cli.terminal.progress_factory import progress_on_standard_error
from waivern.operations.application import Application
from waivern.operations.runs.reanalyse_run import reanalysis_of
from waivern.plans.plan import ExecutionPlan
from waivern.runs.run import RunStatus


@click.command(short_help="Apply the current rules to a past run's data.")
@click.argument("run")
@working_directory_option
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
    form: str,
) -> None:
    """Apply today's rules to what a run had read, without touching a source.

    It is a run of its own of the same runbook, as that run had it, linked to that run and compared to it. How findings
    stand stays as the last scan left it. RUN is a run's id, the beginning of one, or 'latest'.

    \b
    Examples:
      waivern reanalyse latest
      waivern reanalyse 019ab3c4-5d6e --format json
    """
    plans: list[ExecutionPlan] = []
    with reanalysis_of(application, run, working_directory=working_directory) as request:
        details = followed(application, request, progress_on_standard_error(quiet=quiet), planned=plans.append)
    conclusion = concluded(application, details, plans[0].runbook.gates)
    write(as_json(ended_as_json(details, conclusion)) if form == "json" else told(details, conclusion, Path("RUNBOOK")))
    if details.run.status is not RunStatus.SUCCEEDED:
        context.exit(INCOMPLETE)
    context.exit(GATE_FAILED if conclusion is not None and conclusion.failed_gates else 0)
