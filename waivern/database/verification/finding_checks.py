"""Verify findings: the rows of each snapshot match its digest, and no row belongs to a missing snapshot."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.stored_values import as_stored, collate_binary
from waivern.database.findings.finding_digests import FINDING_COLUMNS, SNAPSHOT_COLUMNS, SnapshotDigest
from waivern.database.schema.tables import artifacts, finding_snapshots, finding_streams, findings, runs
from waivern.database.verification.chain_checks import rows_of
from waivern.errors import MessageError
from waivern.history.merkle import hashable
from waivern.history.verification import Progress, RecordKind, Verification

_SNAPSHOTS = (
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
_REMOVED = (
    sa.select(findings.c.stream_id, findings.c.valid_to, as_stored(findings.c.fingerprint))
    .where(findings.c.valid_to.is_not(None))
    .order_by(findings.c.stream_id, findings.c.valid_to, collate_binary(findings.c.fingerprint))
)
_STREAMS = sa.select(
    *(as_stored(finding_streams.c[name]) for name in ("id", "runbook_name", "artifact_id", "last_seq", "staged_by"))
)
NOT_ARCHIVED = "not_archived"
"""Placeholder for `last_run_id` of a restored snapshot whose last run was not in the archive."""

_HOLDERS = (
    sa.select(finding_streams.c.id.label("stream_id"), artifacts.c.snapshot_seq.label("seq"))
    .join(runs, runs.c.runbook_name == finding_streams.c.runbook_name)
    .join(
        artifacts,
        (artifacts.c.run_number == runs.c.number) & (artifacts.c.artifact_id == finding_streams.c.artifact_id),
    )
    .where(artifacts.c.snapshot_seq.is_not(None))
    .distinct()
    .subquery()
)
_IS_LAST_RUN = (artifacts.c.snapshot_seq == finding_snapshots.c.seq) & (
    artifacts.c.ended_at == finding_snapshots.c.last_at
)
_IS_WITHOUT_RUN = (
    _HOLDERS.c.seq.is_(None)
    & (finding_snapshots.c.last_at == finding_snapshots.c.first_at)
    & (finding_snapshots.c.last_run_id.in_([NOT_ARCHIVED, finding_snapshots.c.first_run_id]))
)
_WRONG_LAST_RUN = (
    sa.select(finding_snapshots.c.stream_id, finding_snapshots.c.seq, as_stored(finding_snapshots.c.last_run_id))
    .join(finding_streams, finding_streams.c.id == finding_snapshots.c.stream_id)
    .outerjoin(
        _HOLDERS,
        (_HOLDERS.c.stream_id == finding_snapshots.c.stream_id) & (_HOLDERS.c.seq == finding_snapshots.c.seq),
    )
    .outerjoin(runs, runs.c.id == finding_snapshots.c.last_run_id)
    .outerjoin(
        artifacts,
        (artifacts.c.run_number == runs.c.number) & (artifacts.c.artifact_id == finding_streams.c.artifact_id),
    )
    .where(~sa.func.coalesce(_IS_LAST_RUN, sa.false()), ~sa.func.coalesce(_IS_WITHOUT_RUN, sa.false()))
    .order_by(finding_snapshots.c.stream_id, finding_snapshots.c.seq)
)
_WITHOUT_SNAPSHOTS = (
    sa.select(finding_streams.c.id)
    .where(~sa.exists().where(finding_snapshots.c.stream_id == finding_streams.c.id), finding_streams.c.last_seq != 0)
    .order_by(finding_streams.c.id)
)


def check_findings(connection: sa.Connection, result: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Verify every snapshot of every stream, or of the streams of one run's artifacts."""
    stream_ids = None if run_id is None else _streams_of(connection, run_id)
    streams = {row.id: row for row in connection.execute(_only(_STREAMS, finding_streams.c.id, stream_ids))}
    added = _SortedRows(rows_of(connection, _only(_ADDED, findings.c.stream_id, stream_ids)))
    removed = _SortedRows(rows_of(connection, _only(_REMOVED, findings.c.stream_id, stream_ids)))
    before: Any = None
    for row in rows_of(connection, _only(_SNAPSHOTS, finding_snapshots.c.stream_id, stream_ids)):
        if before is None or before.stream_id != row.stream_id:
            _check_newest(before, result)
            before = None
        for stray in (*added.all_before((row.stream_id, row.seq)), *removed.all_before((row.stream_id, row.seq - 1))):
            _report_stray(stray, streams.get(stray.stream_id), result)
        _check_snapshot(row, before, added, removed, result)
        before = row
        progress("findings", result.counts["findings"])
    _check_newest(before, result)
    for stray in (*added.all_before(None), *removed.all_before(None)):
        _report_stray(stray, streams.get(stray.stream_id), result)
    for row in connection.execute(_only(_WRONG_LAST_RUN, finding_snapshots.c.stream_id, stream_ids)):
        if row.stream_id not in streams:
            continue  # reported above
        problem = f"its last run {hashable(row.last_run_id)} did not hold it at that time"
        _report(result, streams[row.stream_id], f"snapshot {row.seq}", problem, run=str(hashable(row.last_run_id)))
    for stream_id in connection.scalars(_only(_WITHOUT_SNAPSHOTS, finding_streams.c.id, stream_ids)):
        _report(result, streams[stream_id], "all snapshots", "they are missing")


def _check_snapshot(row: Any, before: Any, added: "_SortedRows", removed: "_SortedRows", result: Verification) -> None:
    name, run = f"snapshot {row.seq}", str(hashable(row.first_run_id))
    if row.seq != (1 if before is None else before.seq + 1):
        _report(result, row, name, "the snapshot before it is missing", run=run)
    digest = SnapshotDigest(
        runbook=row.runbook_name,
        artifact_id=row.artifact_id,
        seq=row.seq,
        before=None if before is None else hashable(before.rows_digest),
        snapshot=row._mapping,
    )
    try:
        for finding in added.all_at((row.stream_id, row.seq)):
            result.counts["findings"] += 1
            digest.add(finding._mapping)
        for finding in removed.all_at((row.stream_id, row.seq - 1)):
            digest.remove(finding.fingerprint)
    except (MessageError, ValueError):
        _report(result, row, name, "cannot read its rows", run=run)
        return
    if hashable(row.rows_digest) != digest.hex:
        _report(result, row, name, "its rows do not match its digest", run=run)


def _check_newest(last: Any, result: Verification) -> None:
    if last is not None and last.last_seq != last.seq:
        problem = f"it is the newest, but the stream says {last.last_seq}"
        _report(result, last, f"snapshot {last.seq}", problem, run=str(hashable(last.first_run_id)))


def _report_stray(row: Any, stream: Any, result: Verification) -> None:
    fingerprint = hashable(row.fingerprint)
    if stream is not None and stream.staged_by is not None and row[1] >= stream.last_seq:
        return  # a run writes the next snapshot, or ended while it did so
    if stream is None:
        problem = f"its stream {row.stream_id} is missing"
        result.report(RecordKind.FINDINGS, f"finding {fingerprint}", problem)
    else:
        _report(result, stream, f"finding {fingerprint}", "its snapshot is missing")


def _report(result: Verification, stream: Any, record: str, problem: str, *, run: str | None = None) -> None:
    artifact_id = str(hashable(stream.artifact_id))
    first = "" if run is None else f" of run {run}"
    name = f"findings of '{artifact_id}' of '{hashable(stream.runbook_name)}', {record}{first}"
    result.report(RecordKind.FINDINGS, name, problem, run=run, artifact_id=artifact_id)


def _streams_of(connection: sa.Connection, run_id: str) -> list[int]:
    query = (
        sa.select(finding_streams.c.id)
        .join(runs, runs.c.runbook_name == finding_streams.c.runbook_name)
        .join(
            artifacts,
            (artifacts.c.run_number == runs.c.number) & (artifacts.c.artifact_id == finding_streams.c.artifact_id),
        )
        .where(runs.c.id == run_id, artifacts.c.snapshot_seq.is_not(None))
    )
    return list(connection.scalars(query))


def _only(statement: "sa.Select[Any]", stream_id: "sa.Column[Any]", stream_ids: list[int] | None) -> "sa.Select[Any]":
    return statement if stream_ids is None else statement.where(stream_id.in_(stream_ids))


class _SortedRows:
    """Rows sorted by their first two columns (stream, snapshot), consumed in the order of snapshots."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._current = next(rows, None)

    def all_before(self, position: tuple[int, int] | None) -> Iterator[Any]:
        """Consume the rows before a position; None: all remaining rows."""
        while self._current is not None and (position is None or (self._current[0], self._current[1]) < position):
            yield self._next()

    def all_at(self, position: tuple[int, int]) -> Iterator[Any]:
        """Consume the rows at a position."""
        while self._current is not None and (self._current[0], self._current[1]) == position:
            yield self._next()

    def _next(self) -> Any:
        row, self._current = self._current, next(self._rows, None)
        return row
