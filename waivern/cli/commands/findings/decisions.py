"""`waivern suppress`, `waivern accept` and `waivern reopen`."""

from collections.abc import Callable
from datetime import date
from typing import Any

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.output import as_json, write
from waivern.escaping import one_line
from waivern.formats.records_as_json import decision_as_json
from waivern.history.decisions import Decision, Verdict
from waivern.operations.application import Application
from waivern.operations.findings.decide import decide


def _parse_day(context: click.Context, option: click.Parameter, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a valid date. Write 2027-03-31.", context, option) from None


def _decision_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.argument("fingerprint"),
        click.option("--reason", required=True, metavar="TEXT", help="Why."),
        click.option("--owner", required=True, metavar="WHO", help="Who is responsible for the decision."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_until = click.option("--until", callback=_parse_day, metavar="DATE", help="Last day on which it applies (UTC).")


@click.command(short_help="Suppress a finding (false positive).")
@_decision_options
@_until
@database_option
@format_option("text", "json")
@pass_existing
def suppress(
    application: Application, fingerprint: str, reason: str, owner: str, until: date | None, output_format: str
) -> None:
    """Suppress a finding that is a false positive.

    FINGERPRINT is a finding's fingerprint, or a prefix of it. The finding violates no gate any more, in any runbook.

    \b
    Examples:
      waivern suppress 3f2a91c0 --reason "a made-up address" --owner dpo@example.org
    """
    _decide(application, Verdict.SUPPRESSED, fingerprint, output_format, reason=reason, owner=owner, until=until)


@click.command(short_help="Accept a finding (legal basis or accepted risk).")
@_decision_options
@_until
@database_option
@format_option("text", "json")
@pass_existing
def accept(
    application: Application, fingerprint: str, reason: str, owner: str, until: date | None, output_format: str
) -> None:
    """Accept a finding (legal basis or accepted risk).

    FINGERPRINT is a finding's fingerprint, or a prefix of it. The finding violates no gate any more, in any runbook.

    \b
    Examples:
      waivern accept 3f2a91c0 --reason "contract, Art. 6(1)(b)" --owner dpo@example.org --until 2027-03-31
    """
    _decide(application, Verdict.ACCEPTED, fingerprint, output_format, reason=reason, owner=owner, until=until)


@click.command(short_help="Reopen a suppressed or accepted finding.")
@_decision_options
@database_option
@format_option("text", "json")
@pass_existing
def reopen(application: Application, fingerprint: str, reason: str, owner: str, output_format: str) -> None:
    """Reopen a suppressed or accepted finding.

    Earlier decisions stay recorded. FINGERPRINT is a finding's fingerprint, or a prefix of it.

    \b
    Examples:
      waivern reopen 3f2a91c0 --reason "the contract has ended" --owner dpo@example.org
    """
    _decide(application, Verdict.REOPENED, fingerprint, output_format, reason=reason, owner=owner)


def _decide(application: Application, verdict: Verdict, fingerprint: str, output_format: str, **details: Any) -> None:
    decision = decide(application, verdict, fingerprint, **details, caller=current_caller())
    write(as_json(decision_as_json(decision)) if output_format == "json" else one_line(_text(decision)))


def _text(decision: Decision) -> str:
    until = f" until {decision.until}" if decision.until else ""
    return f"Finding {decision.fingerprint} is {decision.verdict.value}{until}"
