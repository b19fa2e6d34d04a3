"""Export a run in one of the export formats."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from waivern.caller import Caller
from waivern.errors import ExportError, ReadOnlyDatabaseError, RunError, did_you_mean
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.registry import Exporters
from waivern.gc_tuning import gc_paused
from waivern.history.events import EventKind
from waivern.history.run_records import LATEST, RunFilter, RunRecord
from waivern.operations.application import Application
from waivern.operations.exports.atomic_files import HashingCounter, WrittenBytes, check_writable, write_atomically
from waivern.runbooks.reading.runbook_loader import is_file, read_runbook_name
from waivern.runs.run import UNFINISHED, RunStatus, short_id

if TYPE_CHECKING:
    from waivern.exports.model.organisation import Organisation
    from waivern.exports.model.report import Report

ORGANISATION_FILE = "waivern-organisation.yaml"
NOT_RECORDED = "The audit log has no event of this export, because the database must not be written"


@dataclass(frozen=True)
class ExportRequest:
    """An export to perform.

    Args:
        output_format: The name of the exporter.
        output: The file to write, or None to write to the stream.
        preferences: Options for the exporter. The extension of `output` and the content of `organisation` are added.
        organisation: The organisation file, or None to use the one beside the runbook or in the current folder.
    """

    output_format: str
    output: Path | None = None
    preferences: Preferences = field(default_factory=Preferences)
    organisation: Path | None = None


@dataclass(frozen=True)
class ExportResult:
    """The export of a run; `warnings` are about coverage gaps and missing evidence."""

    run: RunRecord
    output_format: str
    output: Path | None
    written: WrittenBytes
    warnings: tuple[str, ...]


def check_export(request: ExportRequest) -> type[Exporter]:
    """Check before any work that an export can be written, and return its exporter.

    Raises:
        ExportError: there is no such format, or the organisation file is invalid.
        UsageError: the file cannot be written.
    """
    exporter = Exporters()[request.output_format]
    if request.output is not None:
        check_writable(request.output)
        _check_extension(request, exporter)
    if request.organisation is not None:
        _read_organisation(request.organisation)
    return exporter


def with_organisation_file(request: ExportRequest, runbook: Path | None) -> ExportRequest:
    """Return the request with the organisation file beside the runbook or in the current folder, if there is one."""
    if request.organisation is not None:
        return request
    folders = [*([runbook.parent] if runbook is not None and is_file(runbook) else []), Path()]
    candidates = (folder / ORGANISATION_FILE for folder in folders)
    return replace(request, organisation=next((file for file in candidates if file.is_file()), None))


def export_run(
    application: Application, run: str, request: ExportRequest, *, stream: BinaryIO, caller: Caller
) -> ExportResult:
    """Export a run, or the last complete run of a runbook.

    Args:
        application: The application.
        run: The run's id, a prefix of it, "latest", or the name or file of a runbook.
        request: The export.
        stream: Where to write if the request names no file.
        caller: Who exports it.

    Raises:
        As `check_export`, and
        RunError: there is no such run, or it has not ended.
        CorruptArtifactError: the stored content does not match its digest.
    """
    request = with_organisation_file(request, Path(run))
    exporter = check_export(request)
    return export_run_record(application, find_run(application, run), exporter, request, stream=stream, caller=caller)


def export_run_record(
    application: Application,
    run: RunRecord,
    exporter: type[Exporter],
    request: ExportRequest,
    *,
    stream: BinaryIO,
    caller: Caller,
) -> ExportResult:
    """Export a run record with an exporter that `check_export` returned.

    Raises:
        As `export_run`.
    """
    if run.status in UNFINISHED:
        raise RunError(f"Run {run.id} is still {run.status.value}", remedy="Export it after it has ended")
    unrecorded: list[str] = []

    def record_event(written: WrittenBytes) -> None:
        try:
            _record_event(application, run, request.output_format, caller, written)
        except ReadOnlyDatabaseError:
            unrecorded.append(NOT_RECORDED)

    from waivern.operations.exports.report_run import build_report

    with gc_paused():
        report = build_report(application, run)
        chunks = exporter().export(report, _preferences(request, exporter))
        if request.output is not None:
            written = write_atomically(request.output, chunks, before_replace=record_event)
        else:
            written = _write_to_stream(chunks, stream)
            record_event(written)
    return ExportResult(run, request.output_format, request.output, written, (*_warnings(report), *unrecorded))


def export_after_run(
    application: Application, run: RunRecord, request: ExportRequest, *, runbook: Path, caller: Caller
) -> ExportResult:
    """Export a run that has just been executed; without a file in the request, to RUN.EXTENSION in the current folder.

    Raises:
        As `export_run`.
    """
    exporter = check_export(request)
    output = request.output or Path(f"{short_id(run.id)}.{exporter.extensions[0]}")
    to_file = with_organisation_file(ExportRequest(request.output_format, output, request.preferences), runbook)
    return export_run_record(application, run, exporter, to_file, stream=io.BytesIO(), caller=caller)


def find_run(application: Application, reference: str) -> RunRecord:
    """Return a run by id, prefix or "latest", or the last complete run of a runbook by its name or file.

    Raises:
        RunbookError: the runbook file cannot be read.
        RunError: there is no such run.
    """
    history = application.storage.history
    if reference == LATEST:
        return history.find(reference)
    name = read_runbook_name(reference)
    complete = history.recent(RunFilter(runbook=name, status=RunStatus.SUCCEEDED, without_reanalyses=True), limit=1)
    if complete:
        return complete[0]
    if history.recent(RunFilter(runbook=name), limit=1):
        raise RunError(
            f"'{name}' has no complete run",
            remedy=f"`waivern history --runbook {name!r}` lists its runs; export one of them by its id",
        )
    if name != reference:
        raise RunError(f"'{name}' has not been run yet", remedy=f"Run it with `waivern run {reference}`")
    return history.find(reference)


def _check_extension(request: ExportRequest, exporter: type[Exporter]) -> None:
    extension = _extension(request.output)
    if exporter.requires_known_extension and extension not in exporter.extensions:
        similar = did_you_mean(extension, exporter.extensions)
        raise ExportError(
            f"The format '{request.output_format}' cannot be written to a file with the extension '.{extension}'",
            remedy=similar or f"Use {' or '.join(f'.{known}' for known in exporter.extensions)}",
        )


def _read_organisation(path: Path) -> "Organisation":
    from waivern.exports.model.organisation import read_organisation  # a run without exports does not import it

    return read_organisation(path)


def _preferences(request: ExportRequest, exporter: type[Exporter]) -> Preferences:
    extension = _extension(request.output)
    organisation = None if request.organisation is None else _read_organisation(request.organisation)
    if extension not in exporter.extensions:
        extension = exporter.extensions[0]
    return replace(request.preferences, extension=extension, organisation=organisation)


def _extension(output: Path | None) -> str:
    return "" if output is None else output.suffix.removeprefix(".").lower()


def _record_event(
    application: Application, run: RunRecord, output_format: str, caller: Caller, written: WrittenBytes
) -> None:
    """Record the export in the audit log."""
    body = {"run": run.id, "format": output_format, "digest": written.digest, "size": written.size}
    application.storage.audit.append(caller=caller, kind=EventKind.RUN_EXPORTED, body=body)


def _write_to_stream(chunks: Iterable[bytes], stream: BinaryIO) -> WrittenBytes:
    counter = HashingCounter()
    stream.writelines(counter.count(chunks))
    stream.flush()
    return counter.written


def _warnings(report: "Report") -> Iterator[str]:
    if report.incomplete_reason is not None:
        yield report.incomplete_reason
    if report.has_coverage_gaps:
        yield (
            f"Not scanned: {len(report.not_scanned):,}; partially scanned: {len(report.partially_scanned):,}; "
            f"artifacts not produced: {len(report.not_produced):,}"
        )
    if report.without_evidence:
        yield f"No evidence, because the content was pruned: {', '.join(report.without_evidence)}"
