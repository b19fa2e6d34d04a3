"""Store findings as rows, in the transaction that saves their message.

The findings of one artifact over its runbook's runs are a stream of snapshots. A new snapshot starts when a message
differs from all messages of the stream. A row of `findings` says in which snapshots a finding had these values, from
`valid_from` to `valid_to`, so a finding that does not change is stored once, however often it is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from waivern.database.connection.column_types import escape_text, json_text
from waivern.database.connection.inserts import insert_ignore
from waivern.database.findings.finding_digests import SnapshotDigest, snapshot_digest
from waivern.database.findings.storable_findings import refuse_unstorable
from waivern.database.schema.tables import finding_snapshots, finding_streams, findings, runs
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, findings_in
from waivern.messages.message import Message

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


def record(connection: sa.Connection, run_id: str, artifact_id: str, snapshot: FindingSnapshot, *, at: datetime) -> int:
    """Store the findings of an artifact; return the number of the snapshot in the artifact's stream."""
    stream = _lock_stream(connection, run_id, artifact_id)
    seq = connection.execute(_FIND_SEQ, {"of_stream": stream.id, "of_digest": snapshot.digest}).scalar_one_or_none()
    if seq is None:
        seq = stream.last_seq + 1
        _insert_snapshot(connection, stream, seq, snapshot, run_id=run_id, at=at)
    else:
        last_seen = {"last_run_id": run_id, "last_at": at}
        connection.execute(_UPDATE_LAST_SEEN, {"of_stream": stream.id, "of_seq": seq, **last_seen})
    return int(seq)


class _Stream(NamedTuple):
    id: int
    runbook_name: str
    artifact_id: str
    last_seq: int


def _lock_stream(connection: sa.Connection, run_id: str, artifact_id: str) -> _Stream:
    """Return the stream of an artifact; its row is locked, so that no concurrent run adds the same snapshot number."""
    name = connection.execute(_RUNBOOK_NAME, {"of_run": run_id}).scalar_one()
    key = {"of_name": name, "of_artifact": artifact_id}
    row = connection.execute(_LOCK_STREAM, key).first()
    if row is None:
        stream = {"runbook_name": name, "artifact_id": artifact_id, "last_seq": 0}
        connection.execute(insert_ignore(connection, finding_streams), stream)
        row = connection.execute(_LOCK_STREAM, key).one()
    return _Stream(row.id, name, artifact_id, row.last_seq)


def _insert_snapshot(
    connection: sa.Connection, stream: _Stream, seq: int, snapshot: FindingSnapshot, *, run_id: str, at: datetime
) -> None:
    before = {row.fingerprint: row for row in connection.execute(_CURRENT_ROWS, {"of_stream": stream.id})}
    added = [
        finding for finding in snapshot.findings.values() if not _is_unchanged(finding, before.get(finding.fingerprint))
    ]
    changed = {finding.fingerprint for finding in added} & before.keys()
    removed = [*changed, *(before.keys() - snapshot.findings.keys())]
    rows = [_finding_row(finding, stream.id, seq) for finding in added]
    _end_rows(connection, stream.id, seq - 1, removed)
    if rows:
        connection.execute(sa.insert(findings), rows)
    coverage_gaps = snapshot.coverage_gaps.as_json()
    columns: dict[str, Any] = {
        "digest": snapshot.digest,
        "ruleset": _as_stored(snapshot.ruleset),
        "rules_version": _as_stored(snapshot.rules_version),
        "coverage_gaps": coverage_gaps,
        "first_run_id": run_id,
        "first_at": at,
        "last_run_id": run_id,
        "last_at": at,
    }
    digest = SnapshotDigest(
        runbook=stream.runbook_name,
        artifact_id=stream.artifact_id,
        seq=seq,
        before=connection.scalar(_ROWS_DIGEST, {"of_stream": stream.id, "of_seq": seq - 1}),
        snapshot={**columns, "coverage_gaps": json_text(coverage_gaps)},
    )
    columns["rows_digest"] = snapshot_digest(digest, added=rows, removed=removed)
    connection.execute(sa.insert(finding_snapshots), {"stream_id": stream.id, "seq": seq, **columns})
    connection.execute(_UPDATE_LAST_SEQ, {"of_stream": stream.id, "last_seq": seq})


def _end_rows(connection: sa.Connection, stream_id: int, seq: int, fingerprints: Iterable[str]) -> None:
    ended = [{"of_stream": stream_id, "of_fingerprint": fingerprint, "valid_to": seq} for fingerprint in fingerprints]
    if ended:
        connection.execute(_END_ROW, ended)


def _finding_row(finding: Finding, stream_id: int, seq: int) -> dict[str, Any]:
    """Return the row as the database stores it, because the snapshot's digest covers that."""
    values = {name: _as_stored(getattr(finding, name)) for name in ("fingerprint", *_VALUE_COLUMNS)}
    return {
        "stream_id": stream_id,
        "valid_from": seq,
        "valid_to": None,
        **values,
        "confidence": float(finding.confidence),
    }


def _as_stored(value: Any) -> Any:
    return escape_text(value) if isinstance(value, str) else value


def _is_unchanged(finding: Finding, row: Any) -> bool:
    return row is not None and all(getattr(finding, name) == getattr(row, name) for name in _VALUE_COLUMNS)


def _optional_text(value: Any) -> str | None:
    return None if value is None else str(value)


_RUNBOOK_NAME = sa.select(runs.c.runbook_name).where(runs.c.id == sa.bindparam("of_run"))
_LOCK_STREAM = (
    sa.select(finding_streams.c.id, finding_streams.c.last_seq)
    .where(finding_streams.c.runbook_name == sa.bindparam("of_name"))
    .where(finding_streams.c.artifact_id == sa.bindparam("of_artifact"))
    .with_for_update()
)
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
_CURRENT_ROWS = sa.select(findings).where(
    findings.c.stream_id == sa.bindparam("of_stream"), findings.c.valid_to.is_(None)
)
_UPDATE_LAST_SEQ = sa.update(finding_streams).where(finding_streams.c.id == sa.bindparam("of_stream"))
_END_ROW = sa.update(findings).where(
    findings.c.stream_id == sa.bindparam("of_stream"),
    findings.c.fingerprint == sa.bindparam("of_fingerprint"),
    findings.c.valid_to.is_(None),
)
