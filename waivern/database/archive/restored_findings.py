"""Restore streams of findings: whole streams, or the continuation of those that are here."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archived_records import ArchivedRecords, refused
from waivern.database.connection.batches import batched
from waivern.database.connection.column_types import json_text
from waivern.database.findings.finding_digests import SnapshotDigest, snapshot_digest
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import finding_snapshots, finding_streams, findings, runs
from waivern.database.verification.finding_checks import NOT_ARCHIVED
from waivern.errors import ArchiveError

_STREAM = sa.select(finding_streams).where(
    finding_streams.c.runbook_name == sa.bindparam("wanted_runbook"),
    finding_streams.c.artifact_id == sa.bindparam("wanted_artifact"),
)

Row = dict[str, Any]
LastRuns = Mapping[int, tuple[datetime, str]]
"""By number of a snapshot: when a run of the archive held it last, and which."""


def restore_findings(connection: sa.Connection, records: ArchivedRecords) -> None:
    """Write the streams that are not here, and the snapshots that continue those that are.

    Raises:
        ArchiveError: the findings of a runbook have a different history here, do not match their digests, or no run of
            the archive holds them.
    """
    last_runs = _last_runs(records)
    snapshots: dict[int, list[Row]] = defaultdict(list)
    for row in records.rows(finding_snapshots):
        snapshots[row["stream_id"]].append(row)
    written: dict[int, int] = {}  # ids in the archive to ids here
    for stream in records.rows(finding_streams):
        held = last_runs.get((stream["runbook_name"], stream["artifact_id"]), {})
        archived = snapshots.pop(stream["id"], [])
        _check_held(stream, archived, held)
        stream_id = _write_stream(connection, stream, [_with_last_run(row, held) for row in archived])
        if stream_id is not None:
            written[stream["id"]] = stream_id
    if snapshots:
        raise refused("it holds snapshots of findings without their stream")
    for batch in batched(_findings_of(records, written)):
        connection.execute(sa.insert(findings), batch)
    for stream_id in written.values():
        _check_digests(connection, stream_id)


def _last_runs(records: ArchivedRecords) -> Mapping[tuple[str, str], LastRuns]:
    """By runbook and artifact. The archive's own `last_run_id` and `last_at` are not proven, so they are not read."""
    runbooks = {row["id"]: row["runbook_name"] for row in records.rows(runs)}
    last: dict[tuple[str, str], dict[int, tuple[datetime, str]]] = defaultdict(dict)
    for row in records.rows(artifact_view):
        seq, at = row["snapshot_seq"], row["ended_at"]
        if seq is not None and at is not None:
            by_seq = last[runbooks[row["run_id"]], row["artifact_id"]]
            by_seq[seq] = max((at, row["run_id"]), by_seq.get(seq, (at, "")))
    return last


def _check_held(stream: Row, archived: list[Row], held: LastRuns) -> None:
    """Its newest snapshot is part of a run's root, and holds the digest of the one before it, and so on."""
    newest = max(held, default=None)
    if newest is None or newest != stream["last_seq"] or [row["seq"] for row in archived] != [*range(1, newest + 1)]:
        raise refused(f"no run in it holds all findings of '{stream['artifact_id']}' of '{stream['runbook_name']}'")


def _with_last_run(row: Row, held: LastRuns) -> Row:
    at, run_id = held.get(row["seq"], (row["first_at"], NOT_ARCHIVED))
    return {**row, "last_run_id": run_id, "last_at": at}


def _findings_of(records: ArchivedRecords, written: Mapping[int, int]) -> Iterator[Row]:
    for row in records.rows(findings):
        if row["stream_id"] in written:
            yield {**row, "stream_id": written[row["stream_id"]]}


def _write_stream(connection: sa.Connection, stream: Row, archived: list[Row]) -> int | None:
    """Return the id of the stream here if its findings must be written; None if all of them are here."""
    wanted = {"wanted_runbook": stream["runbook_name"], "wanted_artifact": stream["artifact_id"]}
    here = connection.execute(_STREAM, wanted).first()
    known = [] if here is None else _snapshots_of(connection, here.id)
    for ours, theirs in zip(known, archived, strict=False):
        if (ours.seq, ours.digest, ours.rows_digest) != (theirs["seq"], theirs["digest"], theirs["rows_digest"]):
            raise ArchiveError(
                f"'{stream['artifact_id']}' of the runbook '{stream['runbook_name']}' has a different history of "
                "findings here",
                remedy="Nothing was written; restore the archive into a database without runs of that runbook",
            )
        _update_last_run(connection, ours, theirs)
    if len(known) >= len(archived):
        return None
    if here is None:
        columns = {name: stream[name] for name in ("runbook_name", "artifact_id", "last_seq")}
        inserted = connection.execute(sa.insert(finding_streams).returning(finding_streams.c.id), columns)
        stream_id = int(inserted.scalar_one())
    else:
        stream_id = here.id
        is_stream = finding_streams.c.id == stream_id
        connection.execute(
            sa.update(finding_streams).where(is_stream), {"last_seq": stream["last_seq"], "staged_by": None}
        )
        connection.execute(sa.delete(findings).where(findings.c.stream_id == stream_id))
    connection.execute(
        sa.insert(finding_snapshots), [{**row, "stream_id": stream_id} for row in archived[len(known) :]]
    )
    return stream_id


def _update_last_run(connection: sa.Connection, ours: Any, theirs: Row) -> None:
    is_later = ours.last_run_id == NOT_ARCHIVED or ours.last_at < theirs["last_at"]
    if theirs["last_run_id"] != NOT_ARCHIVED and is_later:
        is_snapshot = (finding_snapshots.c.stream_id == ours.stream_id) & (finding_snapshots.c.seq == ours.seq)
        last = {name: theirs[name] for name in ("last_run_id", "last_at")}
        connection.execute(sa.update(finding_snapshots).where(is_snapshot), last)


def _check_digests(connection: sa.Connection, stream_id: int) -> None:
    """Compute the digest of each snapshot from its findings; raises ArchiveError if one differs."""
    stream = connection.execute(sa.select(finding_streams).where(finding_streams.c.id == stream_id)).one()
    added: dict[int, list[Row]] = defaultdict(list)
    removed: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(sa.select(findings).where(findings.c.stream_id == stream_id)):
        added[row.valid_from].append(row._asdict())
        if row.valid_to is not None:
            removed[row.valid_to + 1].append(row.fingerprint)
    before: str | None = None
    for snapshot in _snapshots_of(connection, stream_id):
        about = snapshot._asdict()
        about["coverage_gaps"] = None if snapshot.coverage_gaps is None else json_text(snapshot.coverage_gaps)
        digest = SnapshotDigest(
            runbook=stream.runbook_name, artifact_id=stream.artifact_id, seq=snapshot.seq, before=before, snapshot=about
        )
        computed = snapshot_digest(digest, added=added.pop(snapshot.seq, ()), removed=removed.pop(snapshot.seq, ()))
        if snapshot.rows_digest != computed:
            raise refused(f"the findings of '{stream.artifact_id}' were altered: snapshot {snapshot.seq} differs")
        before = snapshot.rows_digest
    if added or removed:
        raise refused(f"findings of '{stream.artifact_id}' begin or end in a snapshot that it does not hold")


def _snapshots_of(connection: sa.Connection, stream_id: int) -> list[Any]:
    query = sa.select(finding_snapshots).where(finding_snapshots.c.stream_id == stream_id)
    return list(connection.execute(query.order_by(finding_snapshots.c.seq)))
