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
@click.option("--all", "show_all", is_flag=True, help="Show all differences (default: 20 of each kind).")
@database_option
@format_option("text", "json")
@pass_existing
def diff(application: Application, base: str, head: str | None, show_all: bool, output_format: str) -> None:
    """Compare the findings of two runs of a runbook.

    RUNBOOK, a name or a file, means its last two complete runs. A finding at a location that was not scanned is
    unknown, never fixed. The reason of a difference is the data, the rules, or the scope: what was scanned.

    \b
    Examples:
      waivern diff "Nightly scan"
      waivern diff 01a20ace latest --format json
    """
    compared = compare_last_runs(application, base) if head is None else compare_runs(application, base, head)
    write(as_json(comparison_as_json(compared)) if output_format == "json" else as_text(compared, show_all=show_all))
