"""`waivern schedule`: manage schedules."""

from pathlib import Path
from typing import Any

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.groups import SuggestingGroup
from waivern.cli.shell.options import (
    database_option,
    format_option,
    listed,
    pass_application,
    pass_existing,
    working_directory_option,
)
from waivern.cli.terminal.formatting import count, short_id
from waivern.cli.terminal.output import as_csv, as_json, as_table, remark, write
from waivern.cli.terminal.schedule_texts import (
    CSV_COLUMNS,
    as_csv_row,
    as_text,
    instants_as_text,
    problems_as_text,
    refused_row,
    row_of,
)
from waivern.escaping import lines as escaped_lines
from waivern.escaping import one_line
from waivern.formats.records_as_json import instant_as_json, run_as_json
from waivern.operations.application import Application
from waivern.operations.schedules.list_schedules import ScheduleList, list_schedules
from waivern.operations.schedules.manage_schedules import (
    ScheduleSummary,
    add_schedule,
    next_due,
    pause_schedule,
    remove_schedule,
    resume_schedule,
    show_schedule,
    trigger_schedule,
)
from waivern.operations.schedules.schedules_as_json import (
    details_as_json,
    list_as_json,
    removed_as_json,
    step_as_json,
    summary_as_json,
)
from waivern.operations.schedules.sync_schedules import Synced, SyncStep, sync_schedules
from waivern.schedules.schedule import CatchUp, Overlap
from waivern.schedules.timing import describe

_TITLES = ("SCHEDULE", "RUNBOOK", "WHEN", "STATUS", "NEXT DUE", "LAST RUN", "LATE")


@click.group(cls=SuggestingGroup, short_help="Manage schedules.")
def schedule() -> None:
    """Manage the schedules by which `waivern serve` runs runbooks.

    A runbook can also declare its own, with `schedule:`; see `waivern schedule sync`.
    """


@schedule.command(short_help="Schedule a runbook.")
@click.argument("name")
@click.argument("runbook", type=click.Path(path_type=Path))
@click.option("--cron", metavar="EXPR", help='Cron expression: "0 2 * * *" is every night at two.')
@click.option("--every", metavar="DURATION", help="Interval, such as 6h, counted from now.")
@click.option("--at", metavar="TIME", help="Run once, at a time such as 2026-12-01T02:00.")
@click.option("--timezone", metavar="TZ", help="Time zone of --cron and --at [UTC].")
@click.option(
    "--catch-up",
    type=click.Choice([value.value for value in CatchUp]),
    help="Which missed runs to make up for [latest].",
)
@click.option("--max-catch-up", type=click.IntRange(1, 10_000), metavar="N", help="Limit for --catch-up all [100].")
@click.option(
    "--overlap",
    type=click.Choice([value.value for value in Overlap]),
    help="What to do while an earlier run is unfinished [skip].",
)
@click.option("--jitter", metavar="DURATION", help="Delay each run by a random time of up to this.")
@click.option("--priority", type=click.IntRange(-100, 100), metavar="N", help="Higher priorities run first [0].")
@click.option(
    "--max-attempts", type=click.IntRange(1, 100), metavar="N", help="Attempts per run if workers are lost [3]."
)
@click.option("--notify-webhook", metavar="URL", help="Send notifications to this URL.")
@click.option("--notify-secret", metavar="SECRET", help="Secret that signs notifications; may be '${NAME}'.")
@click.option("--notify-command", metavar="PROGRAM", help="Hook command: gets notifications on standard input.")
@working_directory_option
@database_option
@format_option("text", "json")
@pass_application
def add(
    application: Application,
    name: str,
    runbook: Path,
    output_format: str,
    working_directory: Path | None,
    **settings: Any,
) -> None:
    """Schedule RUNBOOK under NAME; give one of --cron, --every and --at.

    \b
    Examples:
      waivern schedule add nightly scan.yaml --cron "0 2 * * *" --timezone Europe/London
      waivern schedule add often scan.yaml --every 6h --catch-up skip
    """
    ways = [way for way in ("cron", "every", "at") if settings[way] is not None]
    if len(ways) != 1:
        given = f"{' and '.join(f'--{way}' for way in ways)} were given" if ways else "none was given"
        raise click.UsageError(f"Give exactly one of --cron, --every and --at; {given}")
    settings["notify"] = _notify(*(settings.pop(f"notify_{name}") for name in ("webhook", "secret", "command")))
    added = add_schedule(
        application, name, runbook, settings, caller=current_caller(), working_directory=working_directory
    )
    details = show_schedule(application, added.name)
    if output_format == "json":
        write(as_json(details_as_json(details)))
    else:
        due = instants_as_text(details.next_due[:1], added)
        write(f"Added '{name}': {describe(added.definition.timing)}, next at {due}")


def _notify(webhook: str | None, secret: str | None, command: str | None) -> dict[str, Any] | None:
    if secret is not None and webhook is None:
        raise click.UsageError("--notify-secret needs --notify-webhook")
    webhook_settings = {"webhook": {"url": webhook, **({"secret": secret} if secret else {})}} if webhook else {}
    return {**webhook_settings, **({"command": (command,)} if command else {})} or None


@schedule.command(name="list", short_help="List schedules.")
@database_option
@format_option("table", "json", "csv")
@pass_existing
def list_(application: Application, output_format: str) -> None:
    """List all schedules with their next scheduled time and their last run, and runbooks that cannot be followed."""
    found = next(iter(listed(lambda: [list_schedules(application)])), ScheduleList(()))
    if output_format == "json":
        write(as_json(list_as_json(found)))
    elif output_format == "csv":
        write(as_csv([as_csv_row(row) for row in list_as_json(found)], CSV_COLUMNS))
    elif found.schedules or found.refused:
        rows = [*map(row_of, found.schedules), *map(refused_row, found.refused)]
        write(as_table(_TITLES, rows, right=("LATE",)))
        problems = problems_as_text(found)
        if problems:
            write(f"\nProblems:\n{problems}")
    else:
        remark("No schedules yet; add one with `waivern schedule add`")


@schedule.command(short_help="Show a schedule.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def show(application: Application, name: str, output_format: str) -> None:
    """Show a schedule's settings, its next scheduled times and its last runs."""
    details = show_schedule(application, name)
    write(as_json(details_as_json(details)) if output_format == "json" else as_text(details))


@schedule.command(short_help="Pause a schedule.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def pause(application: Application, name: str, output_format: str) -> None:
    """Skip the scheduled times of a schedule until `waivern schedule resume`; each skipped time is recorded."""
    _write(pause_schedule(application, name, caller=current_caller()), output_format, f"Paused '{name}'")


@schedule.command(short_help="Resume a paused schedule.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def resume(application: Application, name: str, output_format: str) -> None:
    """Resume a paused schedule; `waivern backfill` queues runs for the times that were skipped."""
    _write(resume_schedule(application, name, caller=current_caller()), output_format, f"Resumed '{name}'")


@schedule.command(short_help="Remove a schedule; its runs stay.")
@click.argument("name")
@click.option(
    "--cancel-queued/--keep-queued",
    default=True,
    show_default=True,
    help="Cancel its queued runs, or let them be executed.",
)
@database_option
@format_option("text", "json")
@pass_existing
def remove(application: Application, name: str, cancel_queued: bool, output_format: str) -> None:
    """Remove a schedule. Its runs stay in the history, and a running run is not cancelled."""
    removed = remove_schedule(application, name, caller=current_caller(), cancel_queued=cancel_queued)
    if output_format == "json":
        write(as_json(removed_as_json(removed)))
        return
    number = len(removed.cancelled) + len(removed.kept)
    done = "cancelled" if cancel_queued else "kept and will be executed"
    queued = f"{count(number, 'queued run')} {done}; " if number else "no run was queued; "
    write(f"Removed '{name}'; {queued}its runs stay in the history")


@schedule.command(short_help="Queue a run now.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def trigger(application: Application, name: str, output_format: str) -> None:
    """Queue a run of a schedule now, independently of its scheduled times."""
    run = trigger_schedule(application, name)
    text = f"Queued run {run.id}\n  waivern history show {short_id(run.id)}"
    write(as_json(run_as_json(run)) if output_format == "json" else text)


@schedule.command(name="next", short_help="Show the next scheduled times.")
@click.argument("name")
@click.option(
    "--count",
    "number",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="Number of times.",
)
@database_option
@format_option("text", "json")
@pass_existing
def next_(application: Application, name: str, number: int, output_format: str) -> None:
    """Show the next scheduled times of a schedule."""
    found = application.storage.schedules.find(name)
    due = next_due(application, found, count=number)
    if output_format == "json":
        write(as_json([instant_as_json(instant) for instant in due]))
    else:
        write(instants_as_text(due, found) or "never")


@schedule.command(short_help="Sync schedules with the runbooks of a folder.")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@database_option
@format_option("text", "json")
@pass_application
def sync(application: Application, folder: Path, dry_run: bool, output_format: str) -> None:
    """Add, change and pause schedules until they match the `schedule:` of the runbooks in DIR.

    A runbook or folder that cannot be read, or does not plan, is refused with the reason: all others are followed, its
    schedule is left as it is, and the exit code is 2.
    """
    steps = sync_schedules(application, folder, caller=current_caller(), dry_run=dry_run)
    if output_format == "json":
        write(as_json([step_as_json(step) for step in steps]))
    else:
        write("\n".join(_as_line(step) for step in steps) or "No runbook in that folder has a schedule")
    if any(step.done is Synced.REFUSED for step in steps):
        click.get_current_context().exit(2)


def _write(summary: ScheduleSummary, output_format: str, text: str) -> None:
    write(as_json(summary_as_json(summary)) if output_format == "json" else text)


def _as_line(step: SyncStep) -> str:
    line = f"{step.done.value:<9}  {one_line(step.name)}"
    return f"{line}: {escaped_lines(step.reason)}" if step.reason else line
