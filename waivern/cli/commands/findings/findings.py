"""`waivern findings`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from click.core import ParameterSource

from waivern.cli.shell.escaping import one_line
from waivern.cli.shell.groups import PatientGroup
from waivern.cli.shell.options import database_option, format_option, listed, pass_existing
from waivern.cli.shell.time_options import as_instant
from waivern.cli.terminal.formatting import count, lapsed_in_words, local_time, short_id
from waivern.cli.terminal.output import Cell, Styled, as_csv, as_json, as_table, write
from waivern.history.current_findings import CurrentFinding, FindingFilter, FindingStatus, Order, Stay
from waivern.history.decisions import Decision
from waivern.operations.application import Application
from waivern.operations.findings.decision_status import DecisionState, lapsed_decisions
from waivern.operations.findings.find_findings import (
    FindingDetails,
    finding_details_as_json,
    known_as_json,
    list_findings,
    show_finding,
)
from waivern.severity import SEVERITIES

_TITLES = ("FINDING", "STATUS", "SEVERITY", "RULE", "PLACE", "SINCE", "RUNBOOK")
_COLUMNS = (
    *("fingerprint", "rule", "category", "severity", "special_category", "source", "location", "confidence"),
    *("match_count", "runbook", "status", "since", "first_run", "first_at", "last_run", "last_at", "key"),
)
_STATES = {
    DecisionState.COUNTS: "",
    DecisionState.OVERRULED: ": overruled by a later one",
    DecisionState.EXPIRED: ": has expired",
    DecisionState.STALE: ": matches nothing any more",
}
_STYLES = {"critical": "red", "high": "red", "new": "red", "fixed": "green", "unknown": "yellow"}


@click.group(cls=PatientGroup, invoke_without_command=True, short_help="List findings and their status.")
@click.option("--runbook", metavar="NAME", help="Only those of this runbook.")
@click.option("--category", metavar="NAME", help="Only those of this category.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only those of this severity.")
@click.option("--location", metavar="PATTERN", help="Only those at such places: 'customers.*', '*.csv'.")
@click.option("--status", type=click.Choice([each.value for each in FindingStatus]), help="Only those that stand so.")
@click.option("--since", callback=as_instant, metavar="WHEN", help="Only those that came or went then or later: 7d.")
@click.option("--sort", type=click.Choice([each.value for each in Order]), default="newest", show_default=True)
@click.option("--after", metavar="KEY", help="Go on behind the finding of this key.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="At most so many.")
@database_option
@format_option("table", "json", "csv")
@click.pass_context
def findings(context: click.Context, /, **options: Any) -> None:
    """List what was found, newest first, and how it stands by the newest complete run of its runbook.

    new: that run is the first that found it. open: it found it (the new ones are among them). fixed: it looked there
    and found it no more. unknown: it did not look there. suppressed, accepted: somebody decided so.

    \b
    Examples:
      waivern findings --status open --severity high
      waivern findings --location 'customers.*' --since 30d --format csv
      waivern findings show 3f2a91c0
    """
    if context.invoked_subcommand is None:
        context.invoke(_list, **options)
        return
    for option in context.command.params:
        if option.name in options and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            said = f"{option.opts[0]} is about the list of findings"
            raise click.UsageError(
                f"{said}; what is meant for '{context.invoked_subcommand}' stands behind it", context
            )


@click.command()
@pass_existing
def _list(application: Application, sort: str, after: str | None, limit: int, form: str, **asked: Any) -> None:
    status = FindingStatus(asked["status"]) if asked["status"] else None
    wanted = FindingFilter(**{**asked, "status": status})
    found = listed(lambda: list_findings(application, wanted, order=Order(sort), after=after, limit=limit))
    if form == "json":
        write(as_json([known_as_json(each) for each in found]))
    elif form == "csv":
        write(as_csv([known_as_json(each) for each in found], _COLUMNS))
    elif found:
        write(as_table(_TITLES, [_as_row(each) for each in found]))
        if len(found) == limit:
            click.echo(f"There may be more: --after {found[-1].key}", err=True)
    else:
        click.echo("No such finding" if after or wanted != FindingFilter() else "No findings yet", err=True)
    if after is None:
        _tell_what_has_lapsed(application, wanted.runbook)


def _tell_what_has_lapsed(application: Application, runbook: str | None) -> None:
    """Decisions that count no more are no findings, so they go where remarks go."""
    told = list(lapsed_in_words(listed(lambda: lapsed_decisions(application, runbook))))
    if told:
        click.echo("\n".join(["Decisions:", *told]), err=True)


@findings.command(short_help="Show one finding: when it was there, and what was decided.")
@click.argument("fingerprint")
@database_option
@format_option("text", "json")
@pass_existing
def show(application: Application, fingerprint: str, form: str) -> None:
    """Show one finding: when it was first and last seen, in which runs, what it looked like, what was decided.

    FINGERPRINT is a finding's, or the beginning of it.

    \b
    Examples:
      waivern findings show 3f2a91c0
      waivern findings show 3f2a91c0 --format json
    """
    details = show_finding(application, fingerprint)
    write(as_json(finding_details_as_json(details)) if form == "json" else "\n".join(_told(details)))


def _as_row(known: CurrentFinding) -> Sequence[Cell]:
    finding = known.finding
    return (
        finding.fingerprint[:12],
        Styled(known.status.value, _STYLES.get(known.status.value, "")),
        Styled(finding.severity, _STYLES.get(finding.severity, "")),
        finding.rule,
        finding.location or finding.source,
        local_time(known.since),
        known.runbook,
    )


def _told(details: FindingDetails) -> Iterator[str]:
    yield f"Finding {details.fingerprint}"
    finding = details.stays[-1].finding if details.stays else None
    if finding is not None:
        yield one_line(f"  {finding.category}, {finding.severity}, by the rule {finding.rule}")
        yield one_line(f"  {finding.location} in {finding.source}" if finding.location else f"  {finding.source}")
    for known in details.standings:
        yield one_line(f"  {known.status.value} in {known.runbook} since {local_time(known.since)}")
        yield f"  first seen {_seen(known.first_run, known.first_at)}, last seen {_seen(known.last_run, known.last_at)}"
    yield from _section("Runs", [_stay(each) for each in details.stays])
    yield from _section("Decisions", [_decision(each.decision, each.state) for each in details.decisions])
    yield from _section("Evidence", _evidence(details))


def _seen(run: str, at: datetime) -> str:
    return f"{local_time(at)} (run {short_id(run)})"


def _stay(stay: Stay) -> str:
    times = count(stay.finding.match_count, "time")
    where = f"{stay.runbook}, {stay.artifact_id}: {times} at {stay.finding.confidence:.0%}"
    if stay.runs == 1:
        return f"{_seen(stay.first_run, stay.first_at)}, {where}"
    return (
        f"{_seen(stay.first_run, stay.first_at)} to {_seen(stay.last_run, stay.last_at)}, {stay.runs:,} runs, {where}"
    )


def _decision(decision: Decision, state: DecisionState) -> str:
    until = f" until {decision.until}" if decision.until else ""
    said = f"{decision.verdict.value}{until} by {decision.owner}: {decision.reason}"
    by = str(decision.decided_by) + (f", {decision.about}" if decision.rule else "")
    return f"{local_time(decision.decided_at)}, {said} ({by}){_STATES[state]}"


def _evidence(details: FindingDetails) -> list[str]:
    if details.looked is None:
        return ["no artifact that held it is kept any more"]
    samples: Sequence[Mapping[str, Any]] = details.looked.get("evidence") or ()
    return [
        f"line {each['line']}: {each.get('content')}" if each.get("line") else str(each.get("content"))
        for each in samples
    ]


def _section(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"{title}:"
        yield from (f"  {one_line(item)}" for item in items)
