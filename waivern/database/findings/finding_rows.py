"""Store findings as rows.

The findings of one artifact over its runbook's runs are a stream of snapshots. A new snapshot starts when a message
differs from all messages of the stream. A row of `findings` says in which snapshots a finding had these values, from
`valid_from` to `valid_to`, so a finding that does not change is stored once, however often it is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from waivern.database.connection.column_types import escape_text, json_text
from waivern.database.connection.inserts import insert_ignore
from waivern.database.findings.finding_digests import SnapshotDigest
from waivern.database.findings.storable_findings import refuse_unstorable
from waivern.database.schema.tables import finding_snapshots, finding_streams, findings, runs
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, findings_in
from waivern.messages.message import Message

_TEXT_COLUMNS: Sequence[str] = ("fingerprint", "rule", "category", "severity", "source", "location")
_VALUE_COLUMNS: Sequence[str] = (
    *("rule", "category", "severity", "special_category", "source", "location", "confidence", "match_count"),
)


@dataclass(frozen=True)
class FindingSnapshot:
    """The findings of one message by fingerprint, the ruleset that was applied, and the coverage gaps."""

    digest: str
    findings: Mapping[str, Finding]
    ruleset: str | None
    rules_version: str | None
    coverage_gaps: CoverageGaps

    @classmethod
    def of(cls, message: Message, digest: str) -> "FindingSnapshot | None":
        """Return the snapshot of a message; None if it is not a message of findings.

        Raises:
            MessageError: a finding cannot be stored.
        """
        found = findings_in(message)
        if found is None:
            return None
        refuse_unstorable(found)
        envelope = message.envelope_without("findings")
        metadata = envelope.get("analysis_metadata")
        analysis = metadata if isinstance(metadata, Mapping) else {}
        by_fingerprint = {finding.fingerprint: finding for finding in found}
        ruleset, version = _optional_text(analysis.get("ruleset")), _optional_text(analysis.get("rules_version"))
        return cls(digest, by_fingerprint, ruleset, version, CoverageGaps.in_content(envelope))


class StreamChangedError(Exception):
    """Another run has added a snapshot to the stream: the changes must be computed again."""


class StreamBusyError(Exception):
    """Another run is writing a large snapshot of the stream."""


class Stream(NamedTuple):
    """A finding stream; `staged_by` is the run that writes the rows of its next snapshot."""

    id: int
    runbook_name: str
    artifact_id: str
    last_seq: int
    staged_by: str | None


@dataclass(frozen=True)
class SnapshotChanges:
    """What a snapshot changes in its stream; computed before the transaction that writes it, which is thereby short.

    Args:
        snapshot: The snapshot.
        base_seq: The newest snapshot of the stream, to which the changes apply.
        seq: The number of an equal snapshot of the stream; None if it is a new one.
        added: The findings that are new or changed, sorted by fingerprint.
        removed: The fingerprints of the rows that end, sorted.
        columns: The columns of the new snapshot's row.
    """

    snapshot: FindingSnapshot
    base_seq: int
    seq: int | None
    added: Sequence[Finding] = ()
    removed: Sequence[str] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.added) + len(self.removed)


def compute_changes(
    connection: sa.Connection, run_id: str, artifact_id: str, snapshot: FindingSnapshot, *, at: datetime
) -> SnapshotChanges:
    """Return what a snapshot changes in the stream of its artifact."""
    runbook = connection.execute(_RUNBOOK_NAME, {"of_run": run_id}).scalar_one()
    stream = connection.execute(_STREAM, {"of_name": runbook, "of_artifact": artifact_id}).first()
    base_seq = 0 if stream is None else stream.last_seq
    before: dict[str, Any] = {}
    if stream is not None:
        seq = _equal_snapshot(connection, stream.id, snapshot)
        if seq is not None:
            return SnapshotChanges(snapshot, base_seq, seq)
        rows = connection.execute(_CURRENT_ROWS, {"of_stream": stream.id, "newest": base_seq})
        before = {row.fingerprint: row for row in rows}
    found = {finding.fingerprint: finding for finding in map(_stored_finding, snapshot.findings.values())}
    added = [finding for name, finding in sorted(found.items()) if not _is_unchanged(finding, before.get(name))]
    changed = {finding.fingerprint for finding in added} & before.keys()
    removed = sorted([*changed, *(before.keys() - found.keys())])
    columns = _snapshot_columns(snapshot, run_id=run_id, at=at)
    digest = SnapshotDigest(
        runbook=runbook,
        artifact_id=artifact_id,
        seq=base_seq + 1,
        before=None
        if stream is None
        else connection.scalar(_ROWS_DIGEST, {"of_stream": stream.id, "of_seq": base_seq}),
        snapshot={**columns, "coverage_gaps": json_text(columns["coverage_gaps"])},
    )
    for finding in added:
        digest.add(finding_values(finding))
    for fingerprint in removed:
        digest.remove(fingerprint)
    return SnapshotChanges(snapshot, base_seq, None, added, removed, {**columns, "rows_digest": digest.hex})


def record(
    connection: sa.Connection,
    run_id: str,
    artifact_id: str,
    changes: SnapshotChanges,
    *,
    at: datetime,
    staged_by: str | None = None,
) -> int:
    """Store the findings of an artifact; return the number of the snapshot in the artifact's stream.

    Args:
        connection: The transaction.
        run_id: The run.
        artifact_id: The artifact.
        changes: What `compute_changes` returned.
        at: When the message was saved.
        staged_by: The owner under which the rows were written already; None: this writes them.

    Raises:
        StreamChangedError: the changes do not apply to the stream as it is now.
        StreamBusyError: another run is writing the rows of a snapshot.
    """
    stream = lock_stream(connection, run_id, artifact_id)
    seq = _equal_snapshot(connection, stream.id, changes.snapshot)
    if seq is not None and staged_by is None:
        last_seen = {"last_run_id": run_id, "last_at": at}
        connection.execute(_UPDATE_LAST_SEEN, {"of_stream": stream.id, "of_seq": seq, **last_seen})
        return seq
    if stream.staged_by not in (None, staged_by):
        raise StreamBusyError
    if stream.last_seq != changes.base_seq or stream.staged_by != staged_by:
        raise StreamChangedError
    seq = stream.last_seq + 1
    if staged_by is None:
        end_rows(connection, stream.id, stream.last_seq, changes.removed)
        insert_rows(connection, stream.id, seq, changes.added)
    connection.execute(sa.insert(finding_snapshots), {"stream_id": stream.id, "seq": seq, **changes.columns})
    connection.execute(_UPDATE_STREAM, {"of_stream": stream.id, "last_seq": seq, "staged_by": None})
    return seq


def lock_stream(connection: sa.Connection, run_id: str, artifact_id: str) -> Stream:
    """Return the stream of an artifact; its row is locked, so that no concurrent run adds the same snapshot number."""
    name = connection.execute(_RUNBOOK_NAME, {"of_run": run_id}).scalar_one()
    key = {"of_name": name, "of_artifact": artifact_id}
    row = connection.execute(_LOCK_STREAM, key).first()
    if row is None:
        stream = {"runbook_name": name, "artifact_id": artifact_id, "last_seq": 0}
        connection.execute(insert_ignore(connection, finding_streams), stream)
        row = connection.execute(_LOCK_STREAM, key).one()
    return Stream(row.id, name, artifact_id, row.last_seq, row.staged_by)


def end_rows(connection: sa.Connection, stream_id: int, seq: int, fingerprints: Iterable[str]) -> None:
    """End the current rows of these findings with the snapshot `seq`."""
    ended = [{"of_stream": stream_id, "of_fingerprint": name, "valid_to": seq, "newest": seq} for name in fingerprints]
    if ended:
        connection.execute(_END_ROW, ended)


def insert_rows(connection: sa.Connection, stream_id: int, seq: int, added: Iterable[Finding]) -> None:
    """Insert the rows of findings that begin with the snapshot `seq`."""
    rows = [
        {"stream_id": stream_id, "valid_from": seq, "valid_to": None, **finding_values(finding)} for finding in added
    ]
    if rows:
        connection.execute(sa.insert(findings), rows)


def finding_values(finding: Finding) -> dict[str, Any]:
    """Return the columns of a finding as `findings` stores them."""
    values = {name: getattr(finding, name) for name in ("fingerprint", *_VALUE_COLUMNS)}
    return {**values, "confidence": float(finding.confidence)}


def _snapshot_columns(snapshot: FindingSnapshot, *, run_id: str, at: datetime) -> dict[str, Any]:
    return {
        "digest": snapshot.digest,
        "ruleset": _as_stored(snapshot.ruleset),
        "rules_version": _as_stored(snapshot.rules_version),
        "coverage_gaps": snapshot.coverage_gaps.as_json(),
        "first_run_id": run_id,
        "first_at": at,
        "last_run_id": run_id,
        "last_at": at,
    }


def _equal_snapshot(connection: sa.Connection, stream_id: int, snapshot: FindingSnapshot) -> int | None:
    found = connection.execute(_FIND_SEQ, {"of_stream": stream_id, "of_digest": snapshot.digest}).scalar_one_or_none()
    return None if found is None else int(found)


def _stored_finding(finding: Finding) -> Finding:
    """Return a finding with its texts as the database stores them, because the snapshot's digest covers that."""
    changed = {
        name: text for name in _TEXT_COLUMNS if (text := escape_text(getattr(finding, name))) != getattr(finding, name)
    }
    return msgspec.structs.replace(finding, **changed) if changed else finding


def _as_stored(value: Any) -> Any:
    return escape_text(value) if isinstance(value, str) else value


def _is_unchanged(finding: Finding, row: Any) -> bool:
    return row is not None and all(getattr(finding, name) == getattr(row, name) for name in _VALUE_COLUMNS)


def _optional_text(value: Any) -> str | None:
    return None if value is None else str(value)


_RUNBOOK_NAME = sa.select(runs.c.runbook_name).where(runs.c.id == sa.bindparam("of_run"))
_STREAM = (
    sa.select(finding_streams.c.id, finding_streams.c.last_seq, finding_streams.c.staged_by)
    .where(finding_streams.c.runbook_name == sa.bindparam("of_name"))
    .where(finding_streams.c.artifact_id == sa.bindparam("of_artifact"))
)
_LOCK_STREAM = _STREAM.with_for_update()
_IS_SNAPSHOT = (
    finding_snapshots.c.stream_id == sa.bindparam("of_stream"),
    finding_snapshots.c.seq == sa.bindparam("of_seq"),
)
_FIND_SEQ = sa.select(sa.func.max(finding_snapshots.c.seq)).where(
    finding_snapshots.c.stream_id == sa.bindparam("of_stream"),
    finding_snapshots.c.digest == sa.bindparam("of_digest", type_=finding_snapshots.c.digest.type),
)
_ROWS_DIGEST = sa.select(finding_snapshots.c.rows_digest).where(*_IS_SNAPSHOT)
_UPDATE_LAST_SEEN = sa.update(finding_snapshots).where(*_IS_SNAPSHOT)
_IS_CURRENT = (  # rows that begin or end later belong to a snapshot that is being written
    findings.c.stream_id == sa.bindparam("of_stream"),
    findings.c.valid_from <= sa.bindparam("newest"),
    findings.c.valid_to.is_(None) | (findings.c.valid_to >= sa.bindparam("newest")),
)
_CURRENT_ROWS = sa.select(findings).where(*_IS_CURRENT)
_UPDATE_STREAM = sa.update(finding_streams).where(finding_streams.c.id == sa.bindparam("of_stream"))
_END_ROW = sa.update(findings).where(*_IS_CURRENT, findings.c.fingerprint == sa.bindparam("of_fingerprint"))
