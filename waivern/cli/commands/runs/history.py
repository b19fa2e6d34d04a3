"""`waivern history`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from click.core import ParameterSource

from waivern.cli.shell.groups import SuggestingGroup
from waivern.cli.shell.options import database_option, format_option, given_database, listed, pass_existing
from waivern.cli.shell.time_options import as_instant
from waivern.cli.terminal.formatting import duration, local_time, short_id, state
from waivern.cli.terminal.output import Cell, as_csv, as_json, as_table, remark, write
from waivern.cli.terminal.summary import as_text, next_steps
from waivern.formats.records_as_json import run_as_json, run_details_as_json
from waivern.history.run_records import ArtifactCounts, RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.operations.history.show_history import show_history, show_run
from waivern.runs.run import RunStatus, Trigger

_TITLES = ("RUN", "RUNBOOK", "STATUS", "STARTED", "TIME", "ARTIFACTS")
_CSV_COLUMNS = (
    *("id", "runbook", "status", "trigger", "schedule", "due_at", "created_at", "started_at", "ended_at"),
    *("duration_seconds", "artifacts_total", "artifacts_succeeded", "artifacts_failed", "artifacts_skipped", "error"),
)


@click.group(cls=SuggestingGroup, invoke_without_command=True, short_help="List past runs, or show one.")
@click.option("--runbook", metavar="NAME", help="Only runs of this runbook.")
@click.option("--status", type=click.Choice([status.value for status in RunStatus]), help="Only runs with this status.")
@click.option("--schedule", metavar="NAME", help="Only runs of this schedule.")
@click.option(
    "--trigger", type=click.Choice([trigger.value for trigger in Trigger]), help="Only runs with this trigger."
)
@click.option("--since", callback=as_instant, metavar="WHEN", help="Only runs created at or after this time.")
@click.option("--until", callback=as_instant, metavar="WHEN", help="Only runs created before this time.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="The maximum number of runs."
)
@database_option
@format_option("table", "json", "csv")
@click.pass_context
def history(context: click.Context, /, **options: Any) -> None:
    """List past runs, newest first.

    A time is 7d, 12h or 30m ago, or 2026-11-01 or 2026-11-01T09:30, in the time zone of this machine unless it names
    one. Tables show local times, JSON and CSV show UTC.

    \b
    Examples:
      waivern history --runbook "Nightly scan" --since 7d
      waivern history --schedule nightly --status failed --format json
      waivern history show latest
    """
    if context.invoked_subcommand is None:
        context.invoke(_list, **options)
        return
    for option in context.command.params:
        if option.name in options and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[0]} filters the list of runs; put options of '{context.invoked_subcommand}' after it",
                context,
            )


@click.command()
@pass_existing
def _list(
    application: Application,
    runbook: str | None,
    status: str | None,
    schedule: str | None,
    trigger: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    output_format: str,
) -> None:
    run_filter = RunFilter(runbook, RunStatus(status) if status else None, since, until, schedule, trigger)
    runs = listed(lambda: show_history(application, run_filter, limit=limit))
    if output_format == "json":
        write(as_json([run_as_json(run) for run in runs]))
    elif output_format == "csv":
        write(as_csv([_as_csv_row(run) for run in runs], _CSV_COLUMNS))
    elif runs:
        write(as_table(_TITLES, [_as_row(run) for run in runs], right=("TIME",)))
    else:
        remark("No matching runs" if run_filter != RunFilter() else "No runs yet")


@history.command(short_help="Show one run and its artifacts.")
@click.argument("run")
@database_option
@format_option("text", "json")
@pass_existing
def show(application: Application, run: str, output_format: str) -> None:
    """Show one run, its artifacts, and reasons for failures.

    RUN is a run's id, a prefix of it, or 'latest'.

    \b
    Examples:
      waivern history show latest
      waivern history show 019ab3c4-5d6e --format json
    """
    details = show_run(application, run)
    if output_format == "json":
        write(as_json(run_details_as_json(details)))
    else:
        write(f"{as_text(details)}\n\n{next_steps(details, database=given_database())}")


def _as_row(run: RunRecord) -> Sequence[Cell]:
    return (
        short_id(run.id),
        run.runbook,
        state(run.status),
        "" if run.started_at is None else local_time(run.started_at),
        duration(run.duration_seconds),
        _artifact_counts(run.artifacts),
    )


def _artifact_counts(counts: ArtifactCounts) -> str:
    others = [(counts.failed, "failed"), (counts.skipped, "skipped")]
    succeeded = f"{counts.succeeded:,} of {counts.total:,}"
    return ", ".join([succeeded, *(f"{number:,} {word}" for number, word in others if number)])


def _as_csv_row(run: RunRecord) -> dict[str, Any]:
    row = run_as_json(run)
    return {**row, **{f"artifacts_{name}": number for name, number in row["artifacts"].items()}}
