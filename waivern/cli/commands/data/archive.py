"""`waivern archive` and `waivern restore`."""

from collections.abc import Iterator
from pathlib import Path

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.options import database_option, format_option, pass_application, pass_existing
from waivern.cli.terminal.formatting import count
from waivern.cli.terminal.output import as_json, remark, write
from waivern.escaping import one_line
from waivern.history.archives import RestoredRuns, RestoreOptions
from waivern.operations.application import Application
from waivern.operations.data.archive_runs import archive_runs, archived_as_json, restore_runs, restored_as_json


@click.command(short_help="Write runs to an archive file.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The archive to create.",
)
@database_option
@format_option("text", "json")
@pass_existing
def archive(application: Application, runs: tuple[str, ...], output: Path, output_format: str) -> None:
    """Write runs to an archive file, with all their records.

    It holds messages, findings, decisions and events. Only the current user can read the file. Encrypted contents stay
    encrypted.

    \b
    Example:
      waivern archive latest --output runs.zip
    """
    archived = archive_runs(application, runs, output, caller=current_caller())
    if not archived.is_recorded:
        remark("The audit log has no event of this archive, because the database must not be written")
    if output_format == "json":
        write(as_json(archived_as_json(archived, output)))
        return
    records = ", ".join(
        (count(len(archived.runs), "run"), count(archived.contents, "content"), count(archived.events, "event"))
    )
    write(f"Wrote {records} to {output}\nSHA-256 {archived.sha256}")


@click.command(short_help="Restore runs from an archive file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-decisions", is_flag=True, help="Restore the decisions of the archive too.")
@click.option("--allow-unproven", is_flag=True, help="Restore what no event proves, marked as unproven.")
@database_option
@format_option("text", "json")
@pass_application
def restore(
    application: Application, file: Path, with_decisions: bool, allow_unproven: bool, output_format: str
) -> None:
    """Restore all runs of an archive file, or none of them.

    The whole file is checked before anything is written. Runs keep their ids; pruned contents stay pruned. Restored
    runs cannot be resumed, and restored schedules do not run. Decisions are only listed: add --with-decisions to let
    them apply here.

    \b
    Examples:
      waivern restore runs.zip --db postgresql://waivern@db.example.org/waivern
      waivern restore runs.zip --with-decisions
    """
    options = RestoreOptions(with_decisions=with_decisions, allow_unproven=allow_unproven)
    restored = restore_runs(application, file, options, caller=current_caller())
    if output_format == "json":
        write(as_json(restored_as_json(restored)))
        return
    for line in _restored_as_text(restored):
        write(line)
    if restored.conflicting_decisions:
        number = count(restored.conflicting_decisions, "decision")
        remark(f"Skipped {number}: a different decision about the same target is here")


def _restored_as_text(restored: RestoredRuns) -> Iterator[str]:
    if restored.runs:
        records = ", ".join((count(restored.contents, "content"), count(restored.events, "event")))
        yield f"Restored {count(len(restored.runs), 'run')} with {records}"
    if restored.unproven:
        yield f"{count(len(restored.unproven), 'run')} restored without proof, marked as unproven"
    if restored.already_present:
        yield f"{count(len(restored.already_present), 'run')} already present (identical), skipped"
    if restored.erased_contents:
        yield f"{count(restored.erased_contents, 'content')} erased here before, not restored"
    if restored.decisions:
        number = count(len(restored.decisions), "decision")
        yield f"Restored {number}:" if restored.decisions_restored else f"Not restored: {number} (add --with-decisions)"
        for decision in restored.decisions:
            yield one_line(
                f"  {decision.verdict.value}: {decision.target_text}, by {decision.owner}: {decision.reason}"
            )
