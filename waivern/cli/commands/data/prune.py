"""`waivern prune`."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import click

from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import bytes_in_words, count
from waivern.cli.terminal.output import as_json, as_table, write
from waivern.history.pruning import Pruned, PruneRequest
from waivern.operations.application import Application
from waivern.operations.data.prune_contents import prune_messages, pruned_as_json

_TITLES = ("RUNBOOK", "ARTIFACT", "MESSAGES", "BECAUSE")
_WORTH_SHRINKING = 10_000_000


def _age(context: click.Context, option: click.Parameter, written: str | None) -> timedelta | None:
    from waivern.runbooks.model.durations import parse_duration

    try:
        return None if written is None else timedelta(seconds=parse_duration(written))
    except (ValueError, TypeError, OverflowError):
        raise click.BadParameter(f"'{written}' is no duration: write 30d, 12h or 2w", context, option) from None


@click.command(short_help="Delete stored content past its retention period.")
@click.option("--runbook", metavar="NAME", help="Only what runs of this runbook made.")
@click.option(
    "--older-than",
    callback=_age,
    metavar="DURATION",
    help="Also everything of runs that ended longer ago than this, whatever their runbook says.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--shrink", is_flag=True, help="Give the room that became free in a SQLite file back to the disk.")
@database_option
@format_option("table", "json")
@pass_existing
def prune(
    application: Application, runbook: str | None, older_than: timedelta | None, dry_run: bool, shrink: bool, form: str
) -> None:
    """Let go of what messages hold where `retain:` in their runbook says so.

    What is pruned keeps its digest, its numbers, the rows of its findings and its place in the history. A service does
    this by itself each night.

    \b
    Examples:
      waivern prune --dry-run
      waivern prune --runbook "Nightly scan" --older-than 90d
    """
    if shrink and dry_run:
        raise click.UsageError("--shrink and --dry-run exclude one another.")
    pruned = prune_messages(application, PruneRequest(runbook, older_than), dry_run=dry_run)
    has_shrunk = shrink and application.storage.pruner.shrink()
    if form == "json":
        write(as_json(pruned_as_json(pruned, dry_run=dry_run)))
        return
    if pruned.messages:
        write(as_table(_TITLES, _rows(pruned), right=("MESSAGES",)))
    write(_in_words(pruned, dry_run=dry_run))
    if not has_shrunk and not dry_run and (pruned.unused_bytes or 0) >= _WORTH_SHRINKING:
        click.echo(
            f"The file holds {bytes_in_words(pruned.unused_bytes or 0)} free, which new runs use first;"
            " `waivern prune --shrink` gives them back to the disk",
            err=True,
        )


def _rows(pruned: Pruned) -> Sequence[tuple[str, str, str, str]]:
    numbers = Counter((each.runbook, each.artifact_id, each.because) for each in pruned.messages)
    return [
        (runbook, artifact_id, f"{number:,}", because)
        for (runbook, artifact_id, because), number in sorted(numbers.items())
    ]


def _in_words(pruned: Pruned, *, dry_run: bool) -> str:
    if not pruned.messages and not pruned.contents:
        return "Nothing is due"
    verb = "Would let go of" if dry_run else "Let go of"
    shared = "" if pruned.contents == len(pruned.messages) else f" in {count(pruned.contents, 'content')} of their own"
    freed = "would become free" if dry_run else "became free"
    return f"{verb} {count(len(pruned.messages), 'message')}{shared}; {bytes_in_words(pruned.freed_bytes)} {freed}"
