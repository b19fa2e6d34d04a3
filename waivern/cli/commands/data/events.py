"""`waivern events`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from waivern.cli.shell.options import database_option, format_option, listed, pass_existing
from waivern.cli.shell.time_options import as_instant
from waivern.cli.terminal.formatting import local_time
from waivern.cli.terminal.output import Cell, as_json, as_table, remark, write
from waivern.escaping import one_line
from waivern.history.events import Event
from waivern.operations.application import Application
from waivern.operations.data.list_events import event_as_json, list_events

_TITLES = ("EVENT", "TIME", "ACTOR", "KIND", "DETAILS")
_HIDDEN = ("root", "leaf_prefixes", "runbook_digest", "started_at", "ended_at")


@click.command(short_help="List audit events, newest first.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only events of this kind (repeatable).")
@click.option("--since", callback=as_instant, metavar="WHEN", help="Only events since: 7d, 12h, 2026-11-01.")
@click.option(
    "--before", type=click.IntRange(min=1), metavar="EVENT", help="Only events before this number (pagination)."
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="Maximum number of events."
)
@database_option
@format_option("table", "json")
@pass_existing
def events(
    application: Application,
    kinds: Sequence[str],
    since: datetime | None,
    before: int | None,
    limit: int,
    output_format: str,
) -> None:
    """List audit events, newest first: who did what, and when.

    \b
    Examples:
      waivern events --kind run.closed --since 7d
      waivern events --before 1200 --format json
    """
    found = listed(lambda: list_events(application, kinds=kinds, since=since, before=before, limit=limit))
    if output_format == "json":
        write(as_json([event_as_json(event) for event in found]))
    elif found:
        write(as_table(_TITLES, [_as_row(event) for event in found], right=("EVENT",)))
    else:
        remark("No matching events" if kinds or since or before else "No events yet")


def _as_row(event: Event) -> Sequence[Cell]:
    return (f"{event.seq:,}", local_time(event.at), event.actor, event.kind, _details(event.body))


def _details(body: Any) -> str:
    details = [f"{name}={_value(value)}" for name, value in body.items() if name not in _HIDDEN]
    return one_line(" ".join(details))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}:{_value(item)}" for name, item in value.items())
    return str(value)
