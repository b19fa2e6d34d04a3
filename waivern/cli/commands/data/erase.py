"""`waivern erase`."""

import sys
from collections.abc import Sequence

import click

from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import bytes_in_words, count, short_id
from waivern.cli.terminal.output import as_json, as_table, write
from waivern.operations.application import Application
from waivern.operations.data.erase_contents import Erasure, erase, erasure_as_json, find_containing, find_of_run

_TITLES = ("RUN", "RUNBOOK", "ARTIFACT", "CONTENT", "SIZE")


@click.command("erase", short_help="Erase stored content about a person or from a run.")
@click.option("--containing", is_flag=True, help="What holds a text; each line of standard input is one.")
@click.option("--run", "run_named", metavar="RUN", help="Everything that this run made.")
@click.option("--artifact", nargs=2, metavar="RUN ARTIFACT", help="What this artifact of a run holds.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept, so it names nobody.")
@click.option("--yes", is_flag=True, help="Do it; without this it is only shown what would be erased.")
@database_option
@format_option("table", "json")
@pass_existing
def erase_command(
    application: Application,
    containing: bool,
    run_named: str | None,
    artifact: tuple[str, str] | None,
    reason: str,
    yes: bool,
    form: str,
) -> None:
    """Erase what messages hold: their keys, where they are encrypted, and their bytes.

    What is erased cannot be had back from this database. Digests, the rows of findings and history stay, and an event
    tells which contents it was, why, and who did it.

    \b
    Examples:
      waivern erase --containing --reason "request 2026-117" < names.txt
      waivern erase --run 01a214ba --reason "scanned by mistake" --yes
    """
    if sum((containing, run_named is not None, artifact is not None)) != 1:
        raise click.UsageError("Say what is to be erased: one of --containing, --run and --artifact.")
    texts = _texts() if containing else ()
    found = find_containing(application, texts) if containing else find_of_run(application, *(artifact or (run_named,)))
    if yes:
        erase(application, found, reason=reason, texts=texts)
    write(as_json(erasure_as_json(found, is_done=yes)) if form == "json" else _told(found, is_done=yes))
    if found.named_elsewhere:
        rows = ", ".join(f"{number:,} {what}" for what, number in found.named_elsewhere.items())
        click.echo(f"Not erased, for they are no messages: {rows}", err=True)


def _texts() -> Sequence[str]:
    """From standard input or a prompt, never from arguments: those stand in the shell's history."""
    if sys.stdin.isatty():
        return [click.prompt("Text", hide_input=True, err=True)]
    return sys.stdin.read().splitlines()


def _told(erasure: Erasure, *, is_done: bool) -> str:
    rows = [
        (short_id(held.run_id), held.runbook, held.artifact_id, each.digest[:12], bytes_in_words(each.size))
        for each in erasure.contents
        for held in each.messages
    ]
    if not erasure.contents:
        return "Nothing that is stored holds it"
    contents = count(len(erasure.contents), "content")
    ending = f"Erased {contents}" if is_done else f"Would erase {contents}; with --yes it does"
    return "\n".join(filter(None, (as_table(_TITLES, rows, right=("SIZE",)) if rows else "", ending)))
