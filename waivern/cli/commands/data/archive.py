"""`waivern archive` and `waivern restore`."""

from pathlib import Path

import click

from waivern.cli.shell.options import database_option, format_option, pass_application, pass_existing
from waivern.cli.terminal.formatting import count
from waivern.cli.terminal.output import as_json, write
from waivern.operations.application import Application
from waivern.operations.data.archive_runs import archive_runs, archived_as_json, restore_runs, restored_as_json


@click.command(short_help="Write runs to an archive file.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE", help="Where to."
)
@database_option
@format_option("text", "json")
@pass_existing
def archive(application: Application, runs: tuple[str, ...], output: Path, form: str) -> None:
    """Write runs into a file, with all that is remembered of them: messages, findings, decisions, events.

    The file is readable by this user only. What is encrypted stays so in it.

    \b
    Example:
      waivern archive latest --output runs.zip
    """
    archived = archive_runs(application, runs, output)
    if form == "json":
        write(as_json(archived_as_json(archived, output)))
        return
    runs_and_contents = f"{count(len(archived.runs), 'run')}, {count(archived.contents, 'content')}"
    write(f"Wrote {runs_and_contents}, {count(archived.events, 'event')} into {output}\nSHA-256 {archived.sha256}")


@click.command(short_help="Restore runs from an archive file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@database_option
@format_option("text", "json")
@pass_application
def restore(application: Application, file: Path, form: str) -> None:
    """Take in the runs of a file that `waivern archive` wrote: all of them, or none.

    It is checked whole before anything is written. Runs keep their ids, and what was let go of stays so.

    \b
    Example:
      waivern restore runs.zip --db postgresql://waivern@db.example.org/waivern
    """
    restored = restore_runs(application, file)
    if form == "json":
        write(as_json(restored_as_json(restored)))
        return
    if restored.runs:
        what = ", ".join((count(restored.contents, "content"), count(restored.events, "event")))
        write(f"Restored {count(len(restored.runs), 'run')}, with {what}")
    if restored.there_already:
        write(f"{count(len(restored.there_already), 'run')} had been here already, the same to the letter")
    if restored.decisions_left_out:
        number = count(restored.decisions_left_out, "decision")
        click.echo(f"Left out {number}: what they are about was decided otherwise here", err=True)
