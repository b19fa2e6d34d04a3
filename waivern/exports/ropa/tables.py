"""The record as rows: what CSV and the sheets of a workbook share."""

from collections.abc import Iterator, Sequence

from waivern.exports.ropa.record import Entry, Record

COLUMNS = (
    *("section", "activity", "article", "what", "value", "status", "findings", "places", "fingerprints", "remark"),
    "dpv",
)
RECORD, NOT_FOUND, NOT_DECLARED, NOT_LOOKED_AT = (
    "record",
    "declared but not found",
    "found but not declared",
    "not looked at",
)
_SEPARATOR = "\n"


def rows_of(record: Record) -> Iterator[Sequence[str | int]]:
    """Yield all rows, section by section."""
    for section, entries in sections_of(record):
        for entry in entries:
            yield _row(section, entry)


def sections_of(record: Record) -> list[tuple[str, Sequence[Entry]]]:
    """Return the sections in the order in which they are read."""
    return [
        (RECORD, record.entries),
        (NOT_FOUND, record.not_found),
        (NOT_DECLARED, record.not_declared),
        (NOT_LOOKED_AT, list(_not_looked_at(record))),
    ]


def heading_of(record: Record) -> str:
    """Say what the draft is of, and that it is a draft."""
    run = record.report.run
    return f"Draft record of processing activities (GDPR Art. 30(1)), from run {run.id} of '{run.runbook}'"


def _not_looked_at(record: Record) -> Iterator[Entry]:
    report = record.report
    if report.incomplete_reason is not None:
        yield Entry("", "", "run", report.run.id, "incomplete", remark=report.incomplete_reason)
    for artifact in report.not_made:
        yield Entry("", "", "artifact", artifact.artifact_id, artifact.status.value, remark=artifact.error or "")
    for each in report.left_out:
        yield Entry("", "", each.artifact_id, each.what, "not looked at", remark=each.why)
    for part in report.in_part:
        yield Entry("", "", part.artifact_id, part.what, "looked at in part", remark=f"{part.read:,} of {part.of:,}")


def _row(section: str, entry: Entry) -> Sequence[str | int]:
    return (
        *(section, entry.activity, entry.article, entry.what, entry.value, entry.status, entry.findings),
        *(_SEPARATOR.join(entry.places), _SEPARATOR.join(entry.fingerprints), entry.remark, entry.dpv),
    )
