"""`waivern diff`."""

import click

from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.comparison import as_text
from waivern.cli.terminal.output import as_json, write
from waivern.operations.application import Application
from waivern.operations.findings.compare_runs import compare_last_runs, compare_runs, comparison_as_json


@click.command(short_help="Compare the findings of two runs.")
@click.argument("base", metavar="RUN_A|RUNBOOK")
@click.argument("head", metavar="[RUN_B]", required=False)
@click.option("--all", "show_all", is_flag=True, help="Show every finding that is another, not the first 20 of a kind.")
@database_option
@format_option("text", "json")
@pass_existing
def diff(application: Application, base: str, head: str | None, show_all: bool, form: str) -> None:
    """Show what changed between two runs of a runbook, or between its last two complete ones.

    What could not be looked at is unknown, never fixed. Each difference has its reason: the data is another, the
    rules are, or what was looked at is.

    \b
    Examples:
      waivern diff "Nightly scan"
      waivern diff 01a20ace latest --format json
    """
    compared = compare_last_runs(application, base) if head is None else compare_runs(application, base, head)
    write(as_json(comparison_as_json(compared)) if form == "json" else as_text(compared, show_all=show_all))
