"""`waivern erase`."""

import sys
from collections.abc import Sequence

import click

from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import bytes_in_words, count, short_id
from waivern.cli.terminal.output import as_json, as_table, remark, write
from waivern.operations.application import Application
from waivern.operations.data.erase_contents import (
    ErasurePlan,
    contents_of_run,
    erase_contents,
    erasure_as_json,
    find_contents,
)

_TITLES = ("RUN", "RUNBOOK", "ARTIFACT", "CONTENT", "SIZE")


@click.command("erase", short_help="Erase stored content about a person or from a run.")
@click.option("--containing", is_flag=True, help="Content with one of the texts on standard input.")
@click.option("--run", metavar="RUN", help="All content of this run.")
@click.option("--artifact", nargs=2, metavar="RUN ARTIFACT", help="The content of this artifact of a run.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays in the audit log, so name no person.")
@click.option("--yes", is_flag=True, help="Erase; otherwise show what would be erased.")
@database_option
@format_option("table", "json")
@pass_existing
def erase_command(
    application: Application,
    containing: bool,
    run: str | None,
    artifact: tuple[str, str] | None,
    reason: str,
    yes: bool,
    output_format: str,
) -> None:
    """Erase stored content about a person or from a run.

    Its bytes, and its key if it is encrypted, are deleted: it cannot be recovered from this database. Digests, finding
    rows and history remain, and an audit event records which content was erased, by whom and why.

    \b
    Examples:
      waivern erase --containing --reason "request 2026-117" < names.txt
      waivern erase --run 01a214ba --reason "scanned by mistake" --yes
    """
    if sum((containing, run is not None, artifact is not None)) != 1:
        raise click.UsageError("Give exactly one of --containing, --run and --artifact.")
    texts = _read_texts() if containing else ()
    plan = find_contents(application, texts) if containing else contents_of_run(application, *(artifact or (run,)))
    if yes:
        erase_contents(application, plan, reason=reason, caller=current_caller(), texts=texts)
    write(as_json(erasure_as_json(plan, is_erased=yes)) if output_format == "json" else _as_text(plan, is_erased=yes))
    if plan.residual_mentions:
        mentions = ", ".join(f"{number:,} {kind}" for kind, number in plan.residual_mentions.items())
        remark(f"Not erased, because it is not stored content: {mentions}")


def _read_texts() -> Sequence[str]:
    """Read from standard input or a prompt, never from arguments: the shell keeps those in its history."""
    if sys.stdin.isatty():
        return [click.prompt("Text", hide_input=True, err=True)]
    return sys.stdin.read().splitlines()


def _as_text(plan: ErasurePlan, *, is_erased: bool) -> str:
    if not plan.contents:
        return "No stored content found"
    rows = [
        (short_id(use.run_id), use.runbook, use.artifact_id, content.digest[:12], bytes_in_words(content.size))
        for content in plan.contents
        for use in content.uses
    ]
    contents = count(len(plan.contents), "content")
    summary = f"Erased {contents}" if is_erased else f"Would erase {contents}; add --yes to erase"
    return "\n".join(filter(None, (as_table(_TITLES, rows, right=("SIZE",)) if rows else "", summary)))
