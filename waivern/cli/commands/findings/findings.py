"""`waivern findings`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click
from click.core import ParameterSource

from waivern.cli.shell.groups import SuggestingGroup
from waivern.cli.shell.options import database_option, format_option, listed, pass_existing
from waivern.cli.shell.time_options import as_instant
from waivern.cli.terminal.formatting import count, inactive_decision_lines, local_time, short_id
from waivern.cli.terminal.output import Cell, Styled, as_csv, as_json, as_table, remark, write
from waivern.escaping import one_line
from waivern.history.current_findings import CurrentFinding, FindingFilter, FindingStatus, Order, Presence
from waivern.history.decisions import Decision
from waivern.operations.application import Application
from waivern.operations.findings.decision_status import DecisionState, list_inactive_decisions
from waivern.operations.findings.find_findings import (
    FindingDetails,
    FoundEntry,
    current_finding_as_json,
    finding_details_as_json,
    list_findings,
    show_finding,
)
from waivern.severity import SEVERITIES

_TITLES = ("FINDING", "STATUS", "SEVERITY", "RULE", "LOCATION", "SINCE", "RUNBOOK")
_COLUMNS = (
    *("fingerprint", "rule", "category", "severity", "special_category", "source", "location", "confidence"),
    *("match_count", "runbook", "status", "since", "first_run", "first_at", "last_run", "last_at", "key"),
)
_STATES = {
    DecisionState.ACTIVE: "",
    DecisionState.SUPERSEDED: ": superseded by a newer decision",
    DecisionState.EXPIRED: ": has expired",
    DecisionState.STALE: ": matches no finding",
}
_STYLES = {"critical": "red", "high": "red", "new": "red", "fixed": "green", "unknown": "yellow"}


@click.group(cls=SuggestingGroup, invoke_without_command=True, short_help="List findings and their status.")
@click.option("--runbook", metavar="NAME", help="Filter by runbook.")
@click.option("--category", metavar="NAME", help="Filter by category.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Filter by severity.")
@click.option("--location", metavar="PATTERN", help="Filter by location: 'customers.*', '*.csv'.")
@click.option("--status", type=click.Choice([status.value for status in FindingStatus]), help="Filter by status.")
@click.option("--since", callback=as_instant, metavar="WHEN", help="Only findings that changed since then: 7d.")
@click.option(
    "--sort",
    type=click.Choice([order.value for order in Order]),
    default="newest",
    show_default=True,
    help="Sort by latest change or by severity.",
)
@click.option("--after", metavar="KEY", help="Continue after this key (pagination).")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="Maximum number of findings."
)
@database_option
@format_option("table", "json", "csv")
@click.pass_context
def findings(context: click.Context, /, **options: Any) -> None:
    """List findings, newest first, with their status.

    The status is as of the newest complete run of the runbook. new: this run is the first to find it. open: this run
    found it (includes new). fixed: this run scanned the location and did not find it. unknown: this run did not scan
    the location. suppressed, accepted: there is such a decision.

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
            subcommand = context.invoked_subcommand
            problem = f"{option.opts[0]} applies to the list of findings only"
            raise click.UsageError(f"{problem}; give the options of '{subcommand}' after '{subcommand}'", context)


@click.command()
@pass_existing
def _list(
    application: Application, sort: str, after: str | None, limit: int, output_format: str, **filters: Any
) -> None:
    status = FindingStatus(filters["status"]) if filters["status"] else None
    finding_filter = FindingFilter(**{**filters, "status": status})
    found = listed(lambda: list_findings(application, finding_filter, order=Order(sort), after=after, limit=limit))
    if output_format == "json":
        write(as_json([current_finding_as_json(current) for current in found]))
    elif output_format == "csv":
        write(as_csv([current_finding_as_json(current) for current in found], _COLUMNS))
    elif found:
        write(as_table(_TITLES, [_row(current) for current in found]))
        if len(found) == limit:
            remark(f"More results: add --limit {limit * 5} or --after {found[-1].key}")
    else:
        is_filtered = after or finding_filter != FindingFilter()
        remark("No matching findings" if is_filtered else "No findings yet")
    if after is None:
        _warn_of_inactive_decisions(application, finding_filter.runbook)


def _warn_of_inactive_decisions(application: Application, runbook: str | None) -> None:
    """Print inactive decisions to standard error, so that standard output holds findings only."""
    lines = list(inactive_decision_lines(listed(lambda: list_inactive_decisions(application, runbook))))
    if lines:
        remark("\n".join(["Decisions:", *lines]))


@findings.command(short_help="Show one finding with its history and decisions.")
@click.argument("fingerprint")
@database_option
@format_option("text", "json")
@pass_existing
def show(application: Application, fingerprint: str, output_format: str) -> None:
    """Show one finding: its history, evidence and decisions.

    FINGERPRINT is a finding's fingerprint, or a prefix of it.

    \b
    Examples:
      waivern findings show 3f2a91c0
      waivern findings show 3f2a91c0 --format json
    """
    details = show_finding(application, fingerprint)
    write(as_json(finding_details_as_json(details)) if output_format == "json" else "\n".join(_lines(details)))


def _row(current: CurrentFinding) -> Sequence[Cell]:
    finding = current.finding
    return (
        finding.fingerprint[:12],
        Styled(current.status.value, _STYLES.get(current.status.value, "")),
        Styled(finding.severity, _STYLES.get(finding.severity, "")),
        finding.rule,
        finding.location or finding.source,
        local_time(current.since),
        current.runbook,
    )


def _lines(details: FindingDetails) -> Iterator[str]:
    yield f"Finding {details.fingerprint}"
    finding = details.presences[-1].finding if details.presences else None
    if finding is not None:
        yield one_line(f"  {finding.category}, {finding.severity}, rule {finding.rule}")
        yield one_line(f"  {finding.location} in {finding.source}" if finding.location else f"  {finding.source}")
    for current in details.current:
        first = _run_at(current.first_run, current.first_at)
        yield one_line(f"  {current.status.value} in {current.runbook} since {local_time(current.since)}")
        yield f"  first seen {first}, last seen {_run_at(current.last_run, current.last_at)}"
    yield from _section("Runs", [_presence_line(presence) for presence in details.presences])
    yield from _section("Decisions", [_decision_line(decided.decision, decided.state) for decided in details.decisions])
    yield from _section("Evidence", _evidence_lines(details.evidence))


def _run_at(run: str, at: datetime) -> str:
    return f"{local_time(at)} (run {short_id(run)})"


def _presence_line(presence: Presence) -> str:
    matches = count(presence.finding.match_count, "match", "matches")
    description = f"{presence.runbook}, {presence.artifact_id}: {matches} at {presence.finding.confidence:.0%}"
    first = _run_at(presence.first_run, presence.first_at)
    if presence.runs == 1:
        return f"{first}, {description}"
    number = "many runs" if presence.runs is None else f"{presence.runs:,} runs"
    return f"{first} to {_run_at(presence.last_run, presence.last_at)}, {number}, {description}"


def _decision_line(decision: Decision, state: DecisionState) -> str:
    until = f" until {decision.until}" if decision.until else ""
    verdict = f"{decision.verdict.value}{until} by {decision.owner}: {decision.reason}"
    origin = str(decision.decided_by) + (f", {decision.target_text}" if decision.rule else "")
    return f"{local_time(decision.decided_at)}, {verdict} ({origin}){_STATES[state]}"


def _evidence_lines(evidence: FoundEntry | None) -> list[str]:
    if evidence is None:
        return ["deleted with the content of every artifact that held it"]
    return [
        f"line {sample['line']}: {sample.get('content')}" if sample.get("line") else str(sample.get("content"))
        for sample in evidence.entry.get("evidence") or ()
    ]


def _section(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"{title}:"
        yield from (f"  {one_line(item)}" for item in items)
