"""`waivern run`."""

import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from waivern.cli.commands.runs.export import export_after_run, export_requests
from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.exit_codes import GATE_FAILED, INCOMPLETE
from waivern.cli.shell.interrupts import counted_interrupts
from waivern.cli.shell.options import (
    database_option,
    format_option,
    given_database,
    log_format_option,
    pass_application,
    working_directory_option,
)
from waivern.cli.terminal.formatting import count, short_id
from waivern.cli.terminal.output import as_json, write
from waivern.cli.terminal.progress import Progress
from waivern.cli.terminal.progress_factory import progress_on_standard_error
from waivern.cli.terminal.run_report import conclusion_in_words
from waivern.cli.terminal.summary import as_text, next_steps, same_database
from waivern.errors import UsageError, WaivernError
from waivern.formats.records_as_json import run_details_as_json
from waivern.history.run_records import RunDetails
from waivern.operations.application import Application
from waivern.operations.exports.export_artifacts import export_artifacts
from waivern.operations.exports.export_run import ExportRequest, check_export, with_organisation_file
from waivern.operations.runs.conclude_run import Conclusion, conclude_run, conclusion_as_json
from waivern.operations.runs.run_runbook import RunRequest, run_runbook
from waivern.operations.runs.show_history import show_run
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.model.durations import MAX_DURATION_S
from waivern.runbooks.model.gate import parse_gate
from waivern.runs.run import ArtifactChange, ArtifactStatus, RunStatus


def _as_seconds(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_DURATION_S:
        raise click.BadParameter(f"'{text}' is no number of seconds: more than 0, at most a year.", context, option)
    return seconds


def _as_gates(_context: click.Context, _option: click.Parameter, gates: Sequence[str]) -> Sequence[str]:
    return [parse_gate(gate).text for gate in gates]


@click.command(short_help="Run a runbook and store its results.")
@click.argument("runbook", type=click.Path(path_type=Path))
@click.option("--output-dir", type=click.Path(path_type=Path), metavar="DIR", help="Write the artifacts there too.")
@click.option("--timeout", "timeout_s", callback=_as_seconds, metavar="S", help="Give up after so many seconds.")
@click.option(
    "--max-concurrency", type=click.IntRange(min=1), metavar="N", help="Make at most so many artifacts at a time."
)
@click.option(
    "--exporter",
    "exports",
    multiple=True,
    metavar="FORMAT[=FILE]",
    callback=export_requests,
    help="Write the run down in this format too; may be given several times.",
)
@working_directory_option
@click.option("--resume", metavar="RUN", help="Take up an unfinished run: its id, the beginning of it, or 'latest'.")
@click.option(
    "--fail-on", multiple=True, callback=_as_gates, metavar="GATE", help="Exit with 1 on this: new:high, incomplete."
)
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@log_format_option
@database_option
@format_option("text", "json")
@pass_application
@click.pass_context
def run(
    context: click.Context,
    application: Application,
    runbook: Path,
    output_dir: Path | None,
    timeout_s: float | None,
    max_concurrency: int | None,
    exports: tuple[ExportRequest, ...],
    working_directory: Path | None,
    resume: str | None,
    fail_on: Sequence[str],
    quiet: bool,
    form: str,
) -> None:
    """Run a runbook and remember what it finds.

    Progress goes to standard error, the result to standard output. Ctrl-C closes the run as cancelled; what it made
    is kept, and --resume makes the rest. Where a finding, or what was not scanned, trips a gate (--fail-on, or `gates`
    in the runbook), it exits with 1.

    \b
    Examples:
      waivern run nightly.yaml
      waivern run nightly.yaml --timeout 600 --output-dir results
      waivern run nightly.yaml --exporter sarif=scan.sarif --exporter html=scan.html
      waivern run nightly.yaml --resume latest
      waivern run nightly.yaml --fail-on new:high --fail-on incomplete
      waivern run nightly.yaml --format json | jq .status
    """
    if output_dir is not None:
        _check_writable(output_dir)
    for each in exports:
        check_export(with_organisation_file(each, runbook))
    request = RunRequest(runbook, timeout_s, max_concurrency, working_directory, resume)
    plans: list[ExecutionPlan] = []
    details = followed(application, request, progress_on_standard_error(quiet=quiet), planned=plans.append)
    conclusion = concluded(application, details, [*plans[0].runbook.gates, *fail_on])
    write(as_json(ended_as_json(details, conclusion)) if form == "json" else told(details, conclusion, runbook))
    if output_dir is not None:
        exported = export_artifacts(application, details.run.id, output_dir)
        for artifact_id in exported.pruned:
            click.echo(f"Left out '{artifact_id}': what it held was pruned", err=True)
        click.echo(f"Wrote {count(len(exported.files), 'artifact')} into {output_dir}", err=True)
    export_after_run(application, details.run, exports, runbook=runbook)
    if details.run.status is not RunStatus.SUCCEEDED:
        context.exit(INCOMPLETE)
    context.exit(GATE_FAILED if conclusion is not None and conclusion.failed_gates else 0)


def followed(
    application: Application, request: RunRequest, progress: Progress, *, planned: Callable[[ExecutionPlan], None]
) -> RunDetails:
    """Run it, with its progress on standard error and everything that a component prints there too."""

    def opened(run_id: str, plan: ExecutionPlan) -> None:
        planned(plan)
        progress.open(run_id, plan, already_succeeded=_made_before(application, run_id) if request.resume else ())

    with _telling_how_to_go_on(request, progress), counted_interrupts() as interrupts:

        def changed(change: ArtifactChange) -> None:
            interrupts.watch()
            progress.change(change)

        with redirect_stdout(sys.stderr), progress:
            return run_runbook(application, request, caller=current_caller(), opened=opened, changed=changed)


def _made_before(application: Application, run_id: str) -> list[str]:
    artifacts = show_run(application, run_id).artifacts
    return [artifact.artifact_id for artifact in artifacts if artifact.status is ArtifactStatus.SUCCEEDED]


@contextmanager
def _telling_how_to_go_on(request: RunRequest, progress: Progress) -> Iterator[None]:
    """Where a run that was opened cannot be ended properly, say how it can be taken up."""
    try:
        yield
    except (WaivernError, KeyboardInterrupt) as error:
        if progress.run_id is not None:
            how = (
                f"Take it up with: waivern run {shlex.quote(str(request.runbook))} --resume {short_id(progress.run_id)}"
            )
            if request.reanalysis_of is not None:
                how = f"Analyse anew with: waivern reanalyse {request.reanalysis_of}"
            click.echo(f"Run {progress.run_id} is not finished. {how}{same_database(given_database())}", err=True)
            if isinstance(error, KeyboardInterrupt):
                raise click.exceptions.Exit(INCOMPLETE) from None
        raise


def concluded(application: Application, details: RunDetails, gates: Sequence[str]) -> Conclusion | None:
    """Say what changed since the run before; only where a gate needs it is it an error that this cannot be done."""
    try:
        return conclude_run(application, details, gates, caller=current_caller())
    except WaivernError as error:
        if gates:
            raise
        click.echo(f"The run cannot be compared to the one before: {error}", err=True)
        return None


def ended_as_json(details: RunDetails, conclusion: Conclusion | None) -> dict[str, Any]:
    """Return a run that has ended, and what is to be said of it, as a JSON object."""
    nothing: dict[str, Any] = {"since_last_run": None, "gates": [], "decisions": {"expired": [], "stale": []}}
    return {**run_details_as_json(details), **(nothing if conclusion is None else conclusion_as_json(conclusion))}


def told(details: RunDetails, conclusion: Conclusion | None, runbook: Path) -> str:
    """Return a run that has ended as a person reads it."""
    further = next_steps(details, database=given_database(), runbook=str(runbook))
    said = [] if conclusion is None else list(conclusion_in_words(conclusion))
    return "\n\n".join([as_text(replace(details, gates={})), *said, further])


def _check_writable(folder: Path) -> None:
    """Find out before hours of work that its results cannot be written."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise UsageError(f"{folder} cannot be written: {nearest} is no folder that this user may write in")
