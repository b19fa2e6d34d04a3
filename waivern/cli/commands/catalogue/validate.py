"""`waivern validate`."""

from collections.abc import Sequence
from pathlib import Path

import click

from waivern.cli.shell.exit_codes import USAGE
from waivern.cli.shell.options import database_option, format_option, pass_existing, working_directory_option
from waivern.cli.terminal.output import as_json, write
from waivern.escaping import lines, one_line
from waivern.operations.application import Application
from waivern.operations.catalogue.validate_runbooks import Validation, validate_runbooks


@click.command(short_help="Check runbooks without running them.")
@click.argument("runbooks", nargs=-1, required=True, metavar="RUNBOOK...", type=click.Path(path_type=Path))
@working_directory_option
@database_option
@format_option("text", "json")
@pass_existing
@click.pass_context
def validate(
    context: click.Context,
    application: Application,
    runbooks: Sequence[Path],
    working_directory: Path | None,
    output_format: str,
) -> None:
    """Check runbooks without running them.

    Reports every problem of every runbook, and exits with 2 if there is one. Warnings, such as keys without effect or
    expired decisions, do not fail validation.

    \b
    Examples:
      waivern validate nightly.yaml
      waivern validate runbooks/*.yaml --format json
    """
    validations = validate_runbooks(application, runbooks, working_directory=working_directory)
    if output_format == "json":
        write(as_json([_as_json(validation) for validation in validations]))
    else:
        write("\n".join(_as_text(validation) for validation in validations))
    context.exit(0 if all(validation.is_valid for validation in validations) else USAGE)


def _as_json(validation: Validation) -> dict[str, object]:
    return {
        "runbook": str(validation.runbook),
        "valid": validation.is_valid,
        "problems": list(validation.problems),
        "warnings": list(validation.warnings),
    }


def _as_text(validation: Validation) -> str:
    runbook = one_line(str(validation.runbook))
    if validation.is_valid:
        return f"{runbook}: {click.style('valid', fg='green')}{_listed(validation.warnings)}"
    number = len(validation.problems)
    verdict = click.style(f"{number} problem{'' if number == 1 else 's'}", fg="red")
    return f"{runbook}: {verdict}{_listed((*validation.problems, *validation.warnings))}"


def _listed(texts: Sequence[str]) -> str:
    return "".join(f"\n  - {lines(text)}" for text in texts)
