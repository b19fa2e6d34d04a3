"""`waivern rulesets`."""

from dataclasses import asdict

import click

from waivern.cli.shell.options import format_option, pass_application
from waivern.cli.terminal.output import Styled, as_json, as_table, write
from waivern.operations.application import Application
from waivern.operations.catalogue.list_rulesets import RulesetDescription, list_rulesets


@click.command(short_help="List the available rulesets.")
@format_option("table", "json")
@pass_application
def rulesets(_application: Application, output_format: str) -> None:
    """List the available rulesets by the names used in runbooks.

    \b
    Example:
      waivern rulesets
    """
    found = list_rulesets()
    if output_format == "json":
        write(as_json([asdict(ruleset) for ruleset in found]))
    else:
        write(
            as_table(
                ("RULESET", "VERSION", "RULES", "DESCRIPTION"),
                [_as_row(ruleset) for ruleset in found],
                right=("RULES",),
            )
        )


def _as_row(ruleset: RulesetDescription) -> tuple[str | Styled, ...]:
    if ruleset.broken is not None:
        return ruleset.uri, "", "", Styled(f"broken: {ruleset.broken}", "red")
    return ruleset.uri, ruleset.rules_version or "", str(ruleset.rules), ruleset.description
