"""`waivern suppress`, `waivern accept` and `waivern reopen`."""

from collections.abc import Callable
from datetime import date
from typing import Any

import click

from waivern.cli.shell.escaping import one_line
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.output import as_json, write
from waivern.history.decisions import Decision, Verdict
from waivern.operations.application import Application
from waivern.operations.findings.decide import decide
from waivern.operations.findings.decision_status import decision_as_json


def _as_day(context: click.Context, option: click.Parameter, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(f"'{text}' is no day. Write 2027-03-31.", context, option) from None


def _decision_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.argument("fingerprint"),
        click.option("--reason", required=True, metavar="TEXT", help="Why."),
        click.option("--owner", required=True, metavar="WHO", help="Who answers for it."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_until = click.option("--until", callback=_as_day, metavar="DATE", help="The last day on which it is in force (UTC).")


@click.command(short_help="Suppress a finding (false positive).")
@_decision_options
@_until
@database_option
@format_option("text", "json")
@pass_existing
def suppress(
    application: Application, fingerprint: str, reason: str, owner: str, until: date | None, form: str
) -> None:
    """Say that a finding is none: a test account, a word that only looks like a name.

    FINGERPRINT is a finding's, or the beginning of it. It trips no gate any more, in whichever runbook it is found.

    \b
    Examples:
      waivern suppress 3f2a91c0 --reason "a made-up address" --owner dpo@example.org
    """
    _print(decide(application, Verdict.SUPPRESSED, fingerprint, reason=reason, owner=owner, until=until), form)


@click.command(short_help="Accept a finding (legal basis or accepted risk).")
@_decision_options
@_until
@database_option
@format_option("text", "json")
@pass_existing
def accept(application: Application, fingerprint: str, reason: str, owner: str, until: date | None, form: str) -> None:
    """Say that a finding is one and may stay: there is a legal basis, or the risk is taken.

    FINGERPRINT is a finding's, or the beginning of it. It trips no gate any more, in whichever runbook it is found.

    \b
    Examples:
      waivern accept 3f2a91c0 --reason "contract, Art. 6(1)(b)" --owner dpo@example.org --until 2027-03-31
    """
    _print(decide(application, Verdict.ACCEPTED, fingerprint, reason=reason, owner=owner, until=until), form)


@click.command(short_help="Reopen a suppressed or accepted finding.")
@_decision_options
@database_option
@format_option("text", "json")
@pass_existing
def reopen(application: Application, fingerprint: str, reason: str, owner: str, form: str) -> None:
    """Take back what was decided about a finding; that it was decided stays written down.

    FINGERPRINT is a finding's, or the beginning of it.

    \b
    Examples:
      waivern reopen 3f2a91c0 --reason "the contract has ended" --owner dpo@example.org
    """
    _print(decide(application, Verdict.REOPENED, fingerprint, reason=reason, owner=owner), form)


def _print(decision: Decision, form: str) -> None:
    until = f" until {decision.until}" if decision.until else ""
    told = f"Finding {decision.fingerprint} is {decision.verdict.value}{until}"
    write(as_json(decision_as_json(decision)) if form == "json" else one_line(told))
