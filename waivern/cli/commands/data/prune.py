"""`waivern prune`."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import bytes_in_words, count
from waivern.cli.terminal.output import as_json, as_table, remark, write
from waivern.history.retention import PruneRequest, PruneResult
from waivern.operations.application import Application
from waivern.operations.data.prune_contents import preview_prune, prune_contents, prune_result_as_json

_TITLES = ("RUNBOOK", "ARTIFACT", "COUNT", "REASON")
_SHRINK_HINT_BYTES = 10_000_000


def _duration(context: click.Context, option: click.Parameter, text: str | None) -> timedelta | None:
    from waivern.runbooks.model.durations import parse_duration

    try:
        return None if text is None else timedelta(seconds=parse_duration(text))
    except (ValueError, TypeError, OverflowError):
        raise click.BadParameter(f"'{text}' is not a valid duration: write 30d, 12h or 2w", context, option) from None


@click.command(short_help="Delete stored content past its retention period.")
@click.option("--runbook", metavar="NAME", help="Only content of this runbook's runs.")
@click.option(
    "--older-than",
    callback=_duration,
    metavar="DURATION",
    help="Also all content of runs that ended longer ago.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, without deleting it.")
@click.option("--shrink", is_flag=True, help="Shrink the SQLite file afterwards.")
@database_option
@format_option("table", "json")
@pass_existing
def prune(
    application: Application,
    runbook: str | None,
    older_than: timedelta | None,
    dry_run: bool,
    shrink: bool,
    output_format: str,
) -> None:
    """Delete stored content past its retention period.

    The period is `retain:` in the runbook. Digests, counts, finding rows and history remain. A service prunes every
    night.

    \b
    Examples:
      waivern prune --dry-run
      waivern prune --runbook "Nightly scan" --older-than 90d
    """
    if shrink and dry_run:
        raise click.UsageError("--shrink and --dry-run exclude each other.")
    request = PruneRequest(runbook, older_than)
    if dry_run:
        result = preview_prune(application, request)
    else:
        result = prune_contents(application, request, caller=current_caller())
    has_shrunk = shrink and application.storage.retention.reclaim_space()
    if output_format == "json":
        write(as_json(prune_result_as_json(result, dry_run=dry_run)))
        return
    if result.artifacts:
        write(as_table(_TITLES, _rows(result), right=("COUNT",)))
    write(_summary(result, dry_run=dry_run))
    if not has_shrunk and not dry_run and (result.unused_bytes or 0) >= _SHRINK_HINT_BYTES:
        remark(
            f"The database file has {bytes_in_words(result.unused_bytes or 0)} of free space, which new runs use first;"
            " `waivern prune --shrink` returns it to the file system"
        )


def _rows(result: PruneResult) -> Sequence[tuple[str, str, str, str]]:
    counts = Counter((artifact.runbook, artifact.artifact_id, artifact.reason) for artifact in result.artifacts)
    return [
        (runbook, artifact_id, f"{number:,}", reason)
        for (runbook, artifact_id, reason), number in sorted(counts.items())
    ]


def _summary(result: PruneResult, *, dry_run: bool) -> str:
    if not result.artifacts and not result.deleted_contents:
        return "Nothing to prune"
    artifacts = count(len(result.artifacts), "artifact")
    contents = f"{count(result.deleted_contents, 'content')}, {bytes_in_words(result.freed_bytes)}"
    if dry_run:
        return f"Would prune {artifacts} and delete {contents}"
    return f"Pruned {artifacts} and deleted {contents}"
