"""Verifying the rows of findings: each set's are those that its digest is over, and none belongs to no set."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.stored_values import as_stored, collate_binary
from waivern.database.findings.finding_digests import FINDING_COLUMNS, SNAPSHOT_COLUMNS, SnapshotDigest
from waivern.database.schema.tables import artifacts, finding_snapshots, finding_streams, findings, runs
from waivern.database.verification.chain_checks import rows_of
from waivern.errors import MessageError
from waivern.history.proof import plain
from waivern.history.verification import Part, Progress, Verification

_SETS = (
    sa.select(finding_snapshots.c.stream_id, finding_snapshots.c.seq)
    .add_columns(*(as_stored(finding_snapshots.c[name]) for name in (*SNAPSHOT_COLUMNS, "rows_digest")))
    .add_columns(as_stored(finding_streams.c.runbook_name), as_stored(finding_streams.c.artifact_id))
    .add_columns(as_stored(finding_streams.c.last_seq))
    .join(finding_streams, finding_streams.c.id == finding_snapshots.c.stream_id)
    .order_by(finding_snapshots.c.stream_id, finding_snapshots.c.seq)
)
_ADDED = sa.select(
    findings.c.stream_id, findings.c.valid_from, *(as_stored(findings.c[name]) for name in FINDING_COLUMNS)
).order_by(findings.c.stream_id, findings.c.valid_from, collate_binary(findings.c.fingerprint))
_GONE = (
    sa.select(findings.c.stream_id, findings.c.valid_to, as_stored(findings.c.fingerprint))
    .where(findings.c.valid_to.is_not(None))
    .order_by(findings.c.stream_id, findings.c.valid_to, collate_binary(findings.c.fingerprint))
)
_NAMES = sa.select(
    finding_streams.c.id, as_stored(finding_streams.c.runbook_name), as_stored(finding_streams.c.artifact_id)
)
_LAST_SEEN = (  # sets that say when a run saw them last, which saw them at another time; it may be in another database
    sa.select(finding_snapshots.c.stream_id, finding_snapshots.c.seq, finding_snapshots.c.last_run_id)
    .join(finding_streams, finding_streams.c.id == finding_snapshots.c.stream_id)
    .join(runs, runs.c.id == finding_snapshots.c.last_run_id)
    .join(
        artifacts,
        (artifacts.c.run_number == runs.c.number) & (artifacts.c.artifact_id == finding_streams.c.artifact_id),
    )
    .where(artifacts.c.snapshot_seq == finding_snapshots.c.seq, artifacts.c.ended_at != finding_snapshots.c.last_at)
)
_WITHOUT_SETS = (
    sa.select(finding_streams.c.id)
    .where(~sa.exists().where(finding_snapshots.c.stream_id == finding_streams.c.id), finding_streams.c.last_seq != 0)
    .order_by(finding_streams.c.id)
)


def check_findings(connection: sa.Connection, found: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Check every set of every line, or of the lines that a run's artifacts are of."""
    lines = None if run_id is None else _lines_of(connection, run_id)
    names = {row.id: row for row in connection.execute(_of(_NAMES, finding_streams.c.id, lines))}
    added = _Heads(rows_of(connection, _of(_ADDED, findings.c.stream_id, lines)))
    gone = _Heads(rows_of(connection, _of(_GONE, findings.c.stream_id, lines)))
    before: Any = None
    for row in rows_of(connection, _of(_SETS, finding_snapshots.c.stream_id, lines)):
        if before is None or before.stream_id != row.stream_id:
            _check_end(before, found)
            before = None
        for stray in (*added.all_before((row.stream_id, row.seq)), *gone.all_before((row.stream_id, row.seq - 1))):
            _report_stray(stray, names.get(stray.stream_id), found)
        _check_set(row, before, added, gone, found)
        before = row
        progress("findings", found.counts["findings"])
    _check_end(before, found)
    for stray in (*added.all_before(None), *gone.all_before(None)):
        _report_stray(stray, names.get(stray.stream_id), found)
    for row in connection.execute(_of(_LAST_SEEN, finding_snapshots.c.stream_id, lines)):
        why = f"run {row.last_run_id}, which held them last, did not hold them then"
        _report(found, names[row.stream_id], f"set {row.seq}", why, run=row.last_run_id)
    for stream_id in connection.scalars(_of(_WITHOUT_SETS, finding_streams.c.id, lines)):
        _report(found, names[stream_id], "all sets", "they are missing")


def _check_set(row: Any, before: Any, added: "_Heads", gone: "_Heads", found: Verification) -> None:
    name, run = f"set {row.seq}", str(plain(row.first_run_id))
    if row.seq != (1 if before is None else before.seq + 1):
        _report(found, row, name, "the set before it is missing", run=run)
    digest = SnapshotDigest(
        runbook=row.runbook_name,
        artifact_id=row.artifact_id,
        seq=row.seq,
        before=None if before is None else plain(before.rows_digest),
        about=row._mapping,
    )
    try:
        for finding in added.all_at((row.stream_id, row.seq)):
            found.counts["findings"] += 1
            digest.add(finding._mapping)
        for finding in gone.all_at((row.stream_id, row.seq - 1)):
            digest.drop(finding.fingerprint)
    except (MessageError, ValueError):
        _report(found, row, name, "its rows cannot be read", run=run)
        return
    if row.rows_digest is not None and plain(row.rows_digest) != digest.hex:
        _report(found, row, name, "its rows are not those of its digest", run=run)


def _check_end(last: Any, found: Verification) -> None:
    if last is not None and last.last_seq != last.seq:
        why = f"it is the newest, and the line says {last.last_seq}"
        _report(found, last, f"set {last.seq}", why, run=str(plain(last.first_run_id)))


def _report_stray(row: Any, line: Any, found: Verification) -> None:
    fingerprint = plain(row.fingerprint)
    if line is None:
        why = f"it is of line {row.stream_id}, which is not there"
        found.report(Part.FINDINGS, f"finding {fingerprint}", why)
    else:
        _report(found, line, f"finding {fingerprint}", "it belongs to a set that is not there")


def _report(found: Verification, line: Any, what: str, why: str, *, run: str | None = None) -> None:
    artifact_id = str(plain(line.artifact_id))
    first = "" if run is None else f" of run {run}"
    name = f"findings of '{artifact_id}' of '{plain(line.runbook_name)}', {what}{first}"
    found.report(Part.FINDINGS, name, why, run=run, artifact_id=artifact_id)


def _lines_of(connection: sa.Connection, run_id: str) -> list[int]:
    lines = (
        sa.select(finding_streams.c.id)
        .join(runs, runs.c.runbook_name == finding_streams.c.runbook_name)
        .join(
            artifacts,
            (artifacts.c.run_number == runs.c.number) & (artifacts.c.artifact_id == finding_streams.c.artifact_id),
        )
        .where(runs.c.id == run_id, artifacts.c.snapshot_seq.is_not(None))
    )
    return list(connection.scalars(lines))


def _of(statement: "sa.Select[Any]", stream_id: "sa.Column[Any]", lines: list[int] | None) -> "sa.Select[Any]":
    return statement if lines is None else statement.where(stream_id.in_(lines))


class _Heads:
    """Rows sorted by their first two columns, taken off in the order of sets."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._head = next(rows, None)

    def all_before(self, place: tuple[int, int] | None) -> Iterator[Any]:
        """Take off the rows whose place is before one; None: all that are left."""
        while self._head is not None and (place is None or (self._head[0], self._head[1]) < place):
            yield self._taken()

    def all_at(self, place: tuple[int, int]) -> Iterator[Any]:
        """Take off the rows whose place it is."""
        while self._head is not None and (self._head[0], self._head[1]) == place:
            yield self._taken()

    def _taken(self) -> Any:
        row, self._head = self._head, next(self._rows, None)
        return row
