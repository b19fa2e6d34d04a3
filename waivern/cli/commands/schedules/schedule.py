"""`waivern schedule`: which runbooks are run when."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from waivern.cli.shell.groups import PatientGroup
from waivern.cli.shell.options import (
    database_option,
    format_option,
    listed,
    pass_application,
    pass_existing,
    working_directory_option,
)
from waivern.cli.terminal.formatting import short_id
from waivern.cli.terminal.output import Cell, as_csv, as_json, as_table, write
from waivern.cli.terminal.schedule_texts import CSV_COLUMNS, as_csv_row, as_text, instants_as_text, row_of
from waivern.formats.records_as_json import instant_as_json, run_as_json
from waivern.operations.application import Application
from waivern.operations.schedules.manage_schedules import (
    ScheduleSummary,
    add_schedule,
    list_schedules,
    next_due,
    pause_schedule,
    remove_schedule,
    resume_schedule,
    show_schedule,
    trigger_schedule,
)
from waivern.operations.schedules.schedules_as_json import details_as_json, step_as_json, summary_as_json
from waivern.operations.schedules.sync_schedules import SyncStep, sync_schedules
from waivern.schedules.schedule import CatchUp, Overlap
from waivern.schedules.timing import describe

_TITLES = ("SCHEDULE", "RUNBOOK", "WHEN", "STATUS", "NEXT DUE", "LAST RUN", "LATE")


@click.group(cls=PatientGroup, short_help="Manage schedules.")
def schedule() -> None:
    """Say which runbooks are run when; `waivern serve` keeps to it.

    A runbook can say so itself, with `schedule:`; see `waivern schedule sync`.
    """


@schedule.command(short_help="Run a runbook by the clock.")
@click.argument("name")
@click.argument("runbook", type=click.Path(path_type=Path))
@click.option("--cron", metavar="EXPR", help='When it is due, in five fields: "0 2 * * *" is each night at two.')
@click.option("--every", metavar="DURATION", help="How often it is due, such as 6h, counted from now on.")
@click.option("--at", metavar="TIME", help="The one time that it is due, such as 2026-12-01T02:00.")
@click.option("--timezone", metavar="TZ", help="Whose clock --cron and --at are read by [UTC].")
@click.option(
    "--catch-up", type=click.Choice([each.value for each in CatchUp]), help="What is run of what was missed [latest]."
)
@click.option(
    "--max-catch-up", type=click.IntRange(min=1), metavar="N", help="At most so many, with --catch-up all [100]."
)
@click.option(
    "--overlap",
    type=click.Choice([each.value for each in Overlap]),
    help="What happens while the last run goes on [skip].",
)
@click.option("--jitter", metavar="DURATION", help="Begin up to so much later, each time by another share.")
@click.option("--priority", type=click.IntRange(-100, 100), metavar="N", help="Higher ones are made first [0].")
@click.option(
    "--max-attempts", type=click.IntRange(1, 100), metavar="N", help="How often a run may lose its worker [3]."
)
@click.option("--notify-webhook", metavar="URL", help="Post there which runs failed, recovered, tripped a gate.")
@click.option("--notify-secret", metavar="SECRET", help="What posts are signed with; '${NAME}' is looked up when sent.")
@click.option("--notify-command", metavar="PROGRAM", help="Run this with the notice as its input.")
@working_directory_option
@database_option
@format_option("text", "json")
@pass_application
def add(
    application: Application, name: str, runbook: Path, form: str, working_directory: Path | None, **terms: Any
) -> None:
    """Run RUNBOOK whenever the schedule NAME is due; give one of --cron, --every and --at.

    \b
    Examples:
      waivern schedule add nightly scan.yaml --cron "0 2 * * *" --timezone Europe/London
      waivern schedule add often scan.yaml --every 6h --catch-up skip
    """
    ways = [way for way in ("cron", "every", "at") if terms[way] is not None]
    if len(ways) != 1:
        said = f"{' and '.join(f'--{way}' for way in ways)} were given" if ways else "none was given"
        raise click.UsageError(f"Give exactly one of --cron, --every and --at; {said}")
    terms["notify"] = _notify(*(terms.pop(f"notify_{name}") for name in ("webhook", "secret", "command")))
    added = add_schedule(application, name, runbook, terms, working_directory=working_directory)
    details = show_schedule(application, added.name)
    if form == "json":
        write(as_json(details_as_json(details)))
    else:
        due = instants_as_text(details.next_due[:1], added)
        write(f"Added '{name}': {describe(added.definition.timing)}, next at {due}")


def _notify(webhook: str | None, secret: str | None, command: str | None) -> dict[str, Any] | None:
    if secret is not None and webhook is None:
        raise click.UsageError("--notify-secret signs what goes to --notify-webhook; give that too")
    hook = {"webhook": {"url": webhook, **({"secret": secret} if secret else {})}} if webhook else {}
    return {**hook, **({"command": (command,)} if command else {})} or None


@schedule.command(name="list", short_help="List the schedules.")
@database_option
@format_option("table", "json", "csv")
@pass_existing
def list_(application: Application, form: str) -> None:
    """List all schedules with when they are due next, and how their last run ended."""
    summaries = listed(lambda: list_schedules(application))
    if form == "json":
        write(as_json([summary_as_json(summary) for summary in summaries]))
    elif form == "csv":
        write(as_csv([as_csv_row(summary) for summary in summaries], CSV_COLUMNS))
    elif summaries:
        rows: Sequence[Sequence[Cell]] = [row_of(summary) for summary in summaries]
        write(as_table(_TITLES, rows, right=("LATE",)))
    else:
        click.echo("No schedules yet; add one with `waivern schedule add`", err=True)


@schedule.command(short_help="Show one schedule.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def show(application: Application, name: str, form: str) -> None:
    """Show a schedule's terms, when it is due next, and its last runs."""
    details = show_schedule(application, name)
    write(as_json(details_as_json(details)) if form == "json" else as_text(details))


@schedule.command(short_help="Skip what becomes due, for now.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def pause(application: Application, name: str, form: str) -> None:
    """Skip what becomes due until `waivern schedule resume`; each skipped instant is remembered."""
    _tell(pause_schedule(application, name), form, f"Paused '{name}'")


@schedule.command(short_help="Run again what becomes due.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def resume(application: Application, name: str, form: str) -> None:
    """Run again what becomes due from now on; `waivern backfill` makes what was skipped meanwhile."""
    _tell(resume_schedule(application, name), form, f"Resumed '{name}'")


@schedule.command(short_help="Remove a schedule; its runs stay.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def remove(application: Application, name: str, form: str) -> None:
    """Let a schedule never be due again. Its runs stay in the history, and a run that goes on is not ended."""
    _tell(remove_schedule(application, name), form, f"Removed '{name}'; its runs stay in the history")


@schedule.command(short_help="Queue a run now.")
@click.argument("name")
@database_option
@format_option("text", "json")
@pass_existing
def trigger(application: Application, name: str, form: str) -> None:
    """Queue a run of the schedule now, whatever is due."""
    run = trigger_schedule(application, name)
    text = f"Queued run {run.id}\n  waivern history show {short_id(run.id)}"
    write(as_json(run_as_json(run)) if form == "json" else text)


@schedule.command(name="next", short_help="Show when it is due next.")
@click.argument("name")
@click.option(
    "--count", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="N", help="How many times."
)
@database_option
@format_option("text", "json")
@pass_existing
def next_(application: Application, name: str, count: int, form: str) -> None:
    """Show the next times at which a schedule is due."""
    found = application.storage.schedules.find(name)
    due = next_due(found, count=count)
    if form == "json":
        write(as_json([instant_as_json(instant) for instant in due]))
    else:
        write(instants_as_text(due, found) or "never again")


@schedule.command(short_help="Follow the runbooks of a folder.")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@database_option
@format_option("text", "json")
@pass_application
def sync(application: Application, folder: Path, dry_run: bool, form: str) -> None:
    """Add, change and pause schedules until they are those that the runbooks in DIR declare with `schedule:`.

    A runbook that cannot be carried out leaves its schedule as it was, and makes the exit code 2.
    """
    steps = sync_schedules(application, folder, dry_run=dry_run)
    if form == "json":
        write(as_json([step_as_json(step) for step in steps]))
    else:
        write("\n".join(_as_line(step) for step in steps) or "No runbook there has a schedule")
    if any(step.done.value == "refused" for step in steps):
        click.get_current_context().exit(2)


def _tell(summary: ScheduleSummary, form: str, text: str) -> None:
    write(as_json(summary_as_json(summary)) if form == "json" else text)


def _as_line(step: SyncStep) -> str:
    line = f"{step.done.value:<9}  {step.name}"
    return f"{line}: {step.reason}" if step.reason else line
