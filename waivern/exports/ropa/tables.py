"""The record as rows, for CSV and for the sheets of a workbook."""

from collections.abc import Iterator, Sequence

from waivern.exports.ropa.record import Entry, Record

COLUMNS = (
    *("section", "activity", "article", "field", "value", "status", "findings", "locations", "fingerprints", "note"),
    "dpv_term",
)
TITLES = {column: column.capitalize() for column in COLUMNS} | {"dpv_term": "DPV term"}
RECORD, NOT_FOUND, NOT_DECLARED, NOT_SCANNED = (
    "record",
    "declared but not found",
    "found but not declared",
    "not scanned",
)
_SEPARATOR = "\n"


def rows(record: Record) -> Iterator[Sequence[str | int]]:
    """Yield the rows of all sections."""
    for section, entries in sections(record):
        for entry in entries:
            yield _row(section, entry)


def sections(record: Record) -> list[tuple[str, Sequence[Entry]]]:
    """Return the sections with their entries, in reading order."""
    return [
        (RECORD, record.entries),
        (NOT_FOUND, record.not_found),
        (NOT_DECLARED, record.not_declared),
        (NOT_SCANNED, list(_not_scanned(record))),
    ]


def heading(record: Record) -> str:
    """Return the title of the draft."""
    run = record.report.run
    return f"Draft record of processing activities (GDPR Art. 30(1)), from run {run.id} of '{run.runbook}'"


def _not_scanned(record: Record) -> Iterator[Entry]:
    report = record.report
    if report.incomplete_reason is not None:
        yield Entry("", "", "run", report.run.id, "incomplete", note=report.incomplete_reason)
    for artifact in report.not_produced:
        yield Entry("", "", "artifact", artifact.artifact_id, artifact.status.value, note=artifact.error or "")
    for gap in report.not_scanned:
        yield Entry("", "", gap.artifact_id, gap.name, "not scanned", note=gap.reason)
    for part in report.partially_scanned:
        yield Entry("", "", part.artifact_id, part.name, "partially scanned", note=part.extent)


def _row(section: str, entry: Entry) -> Sequence[str | int]:
    return (
        *(section, entry.activity, entry.article, entry.field, entry.value, entry.status, entry.findings),
        *(_SEPARATOR.join(entry.locations), _SEPARATOR.join(entry.fingerprints), entry.note, entry.dpv_term),
    )
