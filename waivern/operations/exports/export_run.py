"""Write a run down in a format that others read."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from waivern.caller import Caller
from waivern.errors import ExportError, RunError, did_you_mean
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.organisation import FILE_NAME, read_organisation
from waivern.exports.model.report import Report
from waivern.exports.registry import Exporters
from waivern.gc_tuning import without_collecting
from waivern.history.events import EventKind
from waivern.history.run_history import LATEST, RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.operations.exports.atomic_files import Tally, Written, check_writable, write_atomically
from waivern.operations.exports.report_run import build_report
from waivern.runbooks.reading.runbook_loader import is_file, read_runbook_name
from waivern.runs.run import UNFINISHED, RunStatus


@dataclass(frozen=True)
class ExportRequest:
    """What is wanted.

    Args:
        form: The name of an exporter.
        output: The file to write; None: `stream` is written to.
        preferences: Handed to the exporter; the ending of `output` and what `organisation` says are added.
        organisation: The file of what the organisation says of its processing; None: where one lies beside the
            runbook, or in the current folder, that.
    """

    form: str
    output: Path | None = None
    preferences: Preferences = field(default_factory=Preferences)
    organisation: Path | None = None


@dataclass(frozen=True)
class ExportResult:
    """What was written, and of which run; `remarks` says what a reader of the export must know."""

    run: RunRecord
    form: str
    output: Path | None
    written: Written
    remarks: tuple[str, ...]


def check_export(request: ExportRequest) -> type[Exporter]:
    """Find out before any work whether a request can be carried out, and return its exporter.

    Raises:
        ExportError: there is no such format; the text names what is near.
        UsageError: the file cannot be written.
    """
    exporter = Exporters()[request.form]
    if request.output is not None:
        check_writable(request.output)
        _check_ending(request, exporter)
    if request.organisation is not None:
        read_organisation(request.organisation)
    return exporter


def beside(request: ExportRequest, runbook: Path | None) -> ExportRequest:
    """Return the request with the organisation file that lies beside a runbook, or in the current folder."""
    if request.organisation is not None:
        return request
    places = [*([runbook.parent] if runbook is not None and is_file(runbook) else []), Path()]
    return replace(
        request, organisation=next((each / FILE_NAME for each in places if (each / FILE_NAME).is_file()), None)
    )


def export_run(application: Application, run: str, request: ExportRequest, *, stream: BinaryIO) -> ExportResult:
    """Export a run, or the last complete run of a runbook.

    Args:
        application: What is installed.
        run: The run's id, a prefix of it, "latest", or the name or the file of a runbook.
        request: What is wanted.
        stream: What is written to where no file is named.

    Raises:
        As `check_export`, and
        RunError: there is no such run, or it is still going.
        CorruptArtifactError: what is stored is not what was saved.
    """
    request = beside(request, Path(run))
    exporter = check_export(request)
    return export_run_record(application, find_run(application, run), exporter, request, stream=stream)


def export_run_record(
    application: Application, run: RunRecord, exporter: type[Exporter], request: ExportRequest, *, stream: BinaryIO
) -> ExportResult:
    """Export a run that is known already, with an exporter that `check_export` returned.

    Raises:
        As `export_run`.
    """
    if run.status in UNFINISHED:
        raise RunError(f"Run {run.id} is still {run.status.value}", remedy="Export it when it has ended")
    noted = functools.partial(_note, application, run, request.form)
    with without_collecting():
        report = build_report(application, run)
        parts = exporter().export(report, _with_ending(request, exporter))
        if request.output is not None:
            written = write_atomically(request.output, parts, noted=noted)
        else:
            written = _streamed(parts, stream)
            noted(written)
    return ExportResult(run, request.form, request.output, written, tuple(_remarks(report)))


def find_run(application: Application, named: str) -> RunRecord:
    """Return a run by its id, a prefix of it or "latest"; or the last complete run of a runbook, by its name or file.

    Raises:
        RunbookError: the file cannot be read.
        RunError: there is none.
    """
    history = application.storage.history
    if named == LATEST:
        return history.find(named)
    name = read_runbook_name(named)
    complete = history.recent(RunFilter(runbook=name, status=RunStatus.SUCCEEDED, without_reanalyses=True), limit=1)
    if complete:
        return complete[0]
    if history.recent(RunFilter(runbook=name), limit=1):
        raise RunError(
            f"'{name}' has no complete run",
            remedy=f"`waivern history --runbook {name!r}` lists its runs; name one of them by its id",
        )
    if name != named:
        raise RunError(f"'{name}' has not been run yet", remedy=f"`waivern run {named}` runs it")
    return history.find(named)


def _check_ending(request: ExportRequest, exporter: type[Exporter]) -> None:
    """A file's ending matters only where it decides what is written."""
    ending = _ending_of(request.output)
    if exporter.decides_by_ending and ending not in exporter.endings:
        near = did_you_mean(ending, exporter.endings)
        raise ExportError(
            f"'{request.form}' cannot be written as '.{ending}'",
            remedy=near or f"Let the file end with {' or '.join(f'.{each}' for each in exporter.endings)}",
        )


def _with_ending(request: ExportRequest, exporter: type[Exporter]) -> Preferences:
    ending = _ending_of(request.output)
    organisation = None if request.organisation is None else read_organisation(request.organisation)
    ending = ending if ending in exporter.endings else exporter.endings[0]
    return replace(request.preferences, ending=ending, organisation=organisation)


def _ending_of(output: Path | None) -> str:
    return "" if output is None else output.suffix.removeprefix(".").lower()


def _note(application: Application, run: RunRecord, form: str, written: Written) -> None:
    """Who took what out of the house belongs to its history."""
    body = {"run": run.id, "format": form, "digest": written.digest, "size": written.size}
    application.storage.audit.append(caller=Caller(application.actor), kind=EventKind.RUN_EXPORTED, body=body)


def _streamed(parts: Iterable[bytes], stream: BinaryIO) -> Written:
    tally = Tally()
    stream.writelines(tally.counted(parts))
    stream.flush()
    return tally.written


def _remarks(report: Report) -> Iterator[str]:
    if report.incomplete_reason is not None:
        yield report.incomplete_reason
    if report.left_out or report.in_part or report.not_made:
        yield (
            f"Not looked at: {len(report.left_out):,}; in part: {len(report.in_part):,}; "
            f"artifacts not made: {len(report.not_made):,}"
        )
    if report.without_evidence:
        yield f"Told without evidence, for it was pruned: {', '.join(report.without_evidence)}"
