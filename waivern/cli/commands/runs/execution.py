"""Executing a run at a terminal, for `waivern run` and `waivern reanalyse`: its progress, its report, its exit code."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path

import click

from waivern.cli.commands.runs.export import print_result
from waivern.cli.shell.callers import current_caller
from waivern.cli.shell.exit_codes import GATE_FAILED, INCOMPLETE
from waivern.cli.shell.interrupts import counted_interrupts
from waivern.cli.shell.options import given_database
from waivern.cli.terminal.formatting import short_id
from waivern.cli.terminal.output import as_json, remark, write
from waivern.cli.terminal.progress import Progress
from waivern.cli.terminal.run_report import conclusion_in_words
from waivern.cli.terminal.summary import as_text, files_in_words, next_steps, same_database
from waivern.errors import WaivernError
from waivern.operations.application import Application
from waivern.operations.runs.execute_run import execute_run
from waivern.operations.runs.run_report import RunReport, report_as_json
from waivern.operations.runs.run_request import RunListener, RunRequest, StartedRun
from waivern.processes.guard import guarding_descendants
from waivern.runs.run import ArtifactChange, RunStatus


def execute_with_progress(application: Application, request: RunRequest, progress: Progress) -> RunReport:
    """Execute a run; its progress and everything that a component prints go to standard error."""
    with ExitStack() as until_closed:
        until_closed.enter_context(_hint_after_failure(request, progress))
        interrupts = until_closed.enter_context(counted_interrupts())
        until_closed.enter_context(redirect_stdout(sys.stderr))
        until_closed.enter_context(progress)

        def started(run: StartedRun) -> None:
            progress.open(run.run_id, run.plan, already_succeeded=run.already_succeeded)

        def changed(change: ArtifactChange) -> None:
            interrupts.watch()
            progress.change(change)

        def closed(_status: RunStatus) -> None:
            until_closed.close()

        listener = RunListener(started, changed, closed)
        with guarding_descendants():
            return execute_run(application, request, caller=current_caller(), listener=listener)


@contextmanager
def _hint_after_failure(request: RunRequest, progress: Progress) -> Iterator[None]:
    """If a run fails before it is closed, print how to continue it."""
    try:
        yield
    except (WaivernError, KeyboardInterrupt) as error:
        if progress.run_id is not None:
            hint = (
                f"Resume it with: waivern run {shlex.quote(str(request.runbook))} --resume {short_id(progress.run_id)}"
            )
            if request.reanalysis_of is not None:
                hint = f"Start it again with: waivern reanalyse {request.reanalysis_of}"
            remark(f"Run {progress.run_id} is not finished. {hint}{same_database(given_database())}")
            if isinstance(error, KeyboardInterrupt):
                raise click.exceptions.Exit(INCOMPLETE) from None
        raise


def print_report(report: RunReport, *, output_format: str, runbook: Path) -> None:
    """Print the report to standard output, and what was written to standard error.

    Raises:
        WaivernError: the gates could not be evaluated, or an export could not be written.
    """
    if report.error is not None and report.conclusion is None:
        raise report.error
    for warning in report.warnings:
        remark(warning)
    write(as_json(report_as_json(report)) if output_format == "json" else _as_text(report, runbook))
    if report.files is not None:
        for line in files_in_words(report.files):
            remark(line)
    for result in report.exports:
        print_result(result)
    if report.error is not None:
        raise report.error


def exit_code(report: RunReport) -> int:
    """Return the exit code of a command that has executed the run."""
    if not report.has_succeeded:
        return INCOMPLETE
    return GATE_FAILED if report.has_failed_gates else 0


def _as_text(report: RunReport, runbook: Path) -> str:
    sections = [] if report.conclusion is None else list(conclusion_in_words(report.conclusion))
    steps = next_steps(report.details, database=given_database(), runbook=str(runbook))
    return "\n\n".join([as_text(report.details), *sections, steps])
