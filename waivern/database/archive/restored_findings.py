"""Lines of findings come into the database: whole, or as the continuation of those that are there."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archive_rows import row_from_json
from waivern.database.connection.batches import batched
from waivern.database.connection.column_types import json_text
from waivern.database.findings.finding_digests import SnapshotDigest, snapshot_digest
from waivern.database.schema.tables import finding_snapshots, finding_streams, findings
from waivern.errors import ArchiveError
from waivern.formats.archive_file import ArchiveReader

NOT_ARCHIVED = "not_archived"
"""Placeholder for `last_run_id` when that run is not in the archive."""

_OF_LINE = sa.select(finding_streams).where(
    finding_streams.c.runbook_name == sa.bindparam("of_name"),
    finding_streams.c.artifact_id == sa.bindparam("of_artifact"),
)


def restore_findings(connection: sa.Connection, bundle: ArchiveReader) -> None:
    """Write the lines of a bundle that are not here, and those that go on where ours end.

    Raises:
        ArchiveError: the findings of a runbook went another way here.
    """
    sets: dict[int, list[dict[str, Any]]] = {}
    for said in bundle.lines("finding_snapshots"):
        row = row_from_json(finding_snapshots, said)
        sets.setdefault(row["stream_id"], []).append(row)
    written: dict[int, int] = {}
    for said in bundle.lines("finding_streams"):
        line = row_from_json(finding_streams, said)
        stream_id = _written_line(connection, line, sets.get(line["id"], []))
        if stream_id is not None:
            written[line["id"]] = stream_id
    for some in batched(_findings_of(bundle, written)):
        connection.execute(sa.insert(findings), list(some))
    for stream_id in written.values():
        _check_line(connection, stream_id)


def _findings_of(bundle: ArchiveReader, written: dict[int, int]) -> Iterator[dict[str, Any]]:
    for said in bundle.lines("findings"):
        row = row_from_json(findings, said)
        if row["stream_id"] in written:
            yield {**row, "stream_id": written[row["stream_id"]]}


def _written_line(connection: sa.Connection, line: dict[str, Any], sets: list[dict[str, Any]]) -> int | None:
    """The line's id here where its findings are to be written, None where all of them are here."""
    wanted = {"of_name": line["runbook_name"], "of_artifact": line["artifact_id"]}
    here = connection.execute(_OF_LINE, wanted).first()
    known = [] if here is None else _sets_of(connection, here.id)
    for ours, theirs in zip(known, sets, strict=False):
        if (ours.seq, ours.digest, ours.rows_digest) != (theirs["seq"], theirs["digest"], theirs["rows_digest"]):
            raise ArchiveError(
                f"'{line['artifact_id']}' of the runbook '{line['runbook_name']}' has another history of findings here",
                remedy="Nothing was written; restore the archive into a database without runs of that runbook",
            )
    for ours, theirs in zip(known, sets, strict=False):
        _note_who_saw_it_last(connection, ours, theirs)
    if len(known) >= len(sets):
        return None
    if here is None:
        inserted = connection.execute(
            sa.insert(finding_streams).returning(finding_streams.c.id),
            {name: line[name] for name in ("runbook_name", "artifact_id", "last_seq")},
        )
        stream_id = int(inserted.scalar_one())
    else:
        stream_id = here.id
        connection.execute(
            sa.update(finding_streams).where(finding_streams.c.id == stream_id), {"last_seq": line["last_seq"]}
        )
        connection.execute(sa.delete(findings).where(findings.c.stream_id == stream_id))
    connection.execute(sa.insert(finding_snapshots), [{**row, "stream_id": stream_id} for row in sets[len(known) :]])
    return stream_id


def _note_who_saw_it_last(connection: sa.Connection, ours: Any, theirs: dict[str, Any]) -> None:
    is_later = ours.last_run_id == NOT_ARCHIVED or ours.last_at < theirs["last_at"]
    if theirs["last_run_id"] != NOT_ARCHIVED and is_later:
        is_it = (finding_snapshots.c.stream_id == ours.stream_id) & (finding_snapshots.c.seq == ours.seq)
        seen = {name: theirs[name] for name in ("last_run_id", "last_at")}
        connection.execute(sa.update(finding_snapshots).where(is_it), seen)


def _check_line(connection: sa.Connection, stream_id: int) -> None:
    """Compute anew what proves each set; raises ArchiveError where it is not what the set says."""
    line = connection.execute(sa.select(finding_streams).where(finding_streams.c.id == stream_id)).one()
    added: dict[int, list[dict[str, Any]]] = {}
    gone: dict[int, list[str]] = {}
    for row in connection.execute(sa.select(findings).where(findings.c.stream_id == stream_id)):
        added.setdefault(row.valid_from, []).append(row._asdict())
        if row.valid_to is not None:
            gone.setdefault(row.valid_to + 1, []).append(row.fingerprint)
    before: str | None = None
    for held in _sets_of(connection, stream_id):
        about = held._asdict()
        about["coverage_gaps"] = None if held.coverage_gaps is None else json_text(held.coverage_gaps)
        digest = SnapshotDigest(
            runbook=line.runbook_name, artifact_id=line.artifact_id, seq=held.seq, before=before, about=about
        )
        proof = snapshot_digest(digest, added=added.get(held.seq, ()), gone=gone.get(held.seq, ()))
        if held.rows_digest is not None and held.rows_digest != proof:
            raise ArchiveError(
                f"The archive's findings of '{line.artifact_id}' were altered: set {held.seq} has another digest",
                remedy="Take another copy of it",
            )
        before = held.rows_digest


def _sets_of(connection: sa.Connection, stream_id: int) -> list[Any]:
    of_line = (
        sa.select(finding_snapshots).where(finding_snapshots.c.stream_id == stream_id).order_by(finding_snapshots.c.seq)
    )
    return list(connection.execute(of_line))
