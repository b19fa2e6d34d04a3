"""Findings as rows, written in the transaction that saves the message they stand in.

The findings of one artifact of one runbook are a line of sets: a new set begins where its message is another than
those that the line has. A row says from which set to which a finding was there as it is, so that what does not change
costs nothing, however often it is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from waivern.database.connection.column_types import escape_text, json_text
from waivern.database.connection.inserts import insert_ignore
from waivern.database.findings.finding_digests import SnapshotDigest, snapshot_digest
from waivern.database.schema.tables import finding_snapshots, finding_streams, findings, runs
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, findings_in
from waivern.messages.message import Message


@dataclass(frozen=True)
class FindingSnapshot:
    """The findings of one message, by fingerprint, which rules they were made by, and what was not looked at."""

    digest: str
    findings: Mapping[str, Finding]
    ruleset: str | None
    rules_version: str | None
    coverage_gaps: CoverageGaps

    @classmethod
    def of(cls, message: Message, digest: str) -> "FindingSnapshot | None":
        """Return the set of a message of findings, None for any other message."""
        found = findings_in(message)
        if found is None:
            return None
        around = message.envelope_without("findings")
        analysis = around.get("analysis_metadata")
        said = analysis if isinstance(analysis, Mapping) else {}
        by_fingerprint = {finding.fingerprint: finding for finding in found}
        ruleset, version = _text(said.get("ruleset")), _text(said.get("rules_version"))
        return cls(digest, by_fingerprint, ruleset, version, CoverageGaps.in_content(around))


def record(connection: sa.Connection, run_id: str, artifact_id: str, held: FindingSnapshot, *, at: datetime) -> int:
    """Write down that an artifact of a run holds these findings; return which set of its line they are."""
    line = _locked_line(connection, run_id, artifact_id)
    seq = connection.execute(_SEQ_OF, {"of_line": line.id, "of_digest": held.digest}).scalar_one_or_none()
    if seq is None:
        seq = line.last_seq + 1
        _add_set(connection, line, seq, held, run_id=run_id, at=at)
    else:
        connection.execute(_SEEN_AGAIN, {"of_line": line.id, "of_seq": seq, "last_run_id": run_id, "last_at": at})
    return int(seq)


class _Line(NamedTuple):
    id: int
    runbook_name: str
    artifact_id: str
    last_seq: int


def _locked_line(connection: sa.Connection, run_id: str, artifact_id: str) -> _Line:
    """The line of an artifact, locked: two runs at once must not both begin the next one."""
    name = connection.execute(_NAME_OF, {"of_run": run_id}).scalar_one()
    wanted = {"of_name": name, "of_artifact": artifact_id}
    row = connection.execute(_LINE, wanted).first()
    if row is None:
        line = {"runbook_name": name, "artifact_id": artifact_id, "last_seq": 0}
        connection.execute(insert_ignore(connection, finding_streams), line)
        row = connection.execute(_LINE, wanted).one()
    return _Line(row.id, name, artifact_id, row.last_seq)


def _add_set(
    connection: sa.Connection, line: "_Line", seq: int, held: FindingSnapshot, *, run_id: str, at: datetime
) -> None:
    before = {row.fingerprint: row for row in connection.execute(_NEWEST, {"of_line": line.id})}
    new = [finding for finding in held.findings.values() if not _is_as_before(finding, before.get(finding.fingerprint))]
    changed = {finding.fingerprint for finding in new} & before.keys()
    gone = [*changed, *(before.keys() - held.findings.keys())]
    rows = [_row(finding, line.id, seq) for finding in new]
    _end(connection, line.id, seq - 1, gone)
    if rows:
        connection.execute(sa.insert(findings), rows)
    seen = {"first_run_id": run_id, "first_at": at, "last_run_id": run_id, "last_at": at}
    rules = {"ruleset": _plain(held.ruleset), "rules_version": _plain(held.rules_version)}
    coverage_gaps = held.coverage_gaps.as_json()
    about: dict[str, Any] = {"digest": held.digest, **rules, "coverage_gaps": coverage_gaps, **seen}
    digest = SnapshotDigest(
        runbook=line.runbook_name,
        artifact_id=line.artifact_id,
        seq=seq,
        before=connection.scalar(_DIGEST_OF, {"of_line": line.id, "of_seq": seq - 1}),
        about={**about, "coverage_gaps": json_text(coverage_gaps)},
    )
    about["rows_digest"] = snapshot_digest(digest, added=rows, gone=gone)
    connection.execute(sa.insert(finding_snapshots), {"stream_id": line.id, "seq": seq, **about})
    connection.execute(_LENGTHEN, {"of_line": line.id, "last_seq": seq})


def _end(connection: sa.Connection, stream_id: int, seq: int, fingerprints: Iterable[str]) -> None:
    ended = [{"of_line": stream_id, "of_fingerprint": fingerprint, "valid_to": seq} for fingerprint in fingerprints]
    if ended:
        connection.execute(_END, ended)


def _row(finding: Finding, stream_id: int, seq: int) -> dict[str, Any]:
    """As the database will hold it, for that is what its set's digest is over."""
    said = {name: _plain(getattr(finding, name)) for name in ("fingerprint", *_SAID)}
    return {
        "stream_id": stream_id,
        "valid_from": seq,
        "valid_to": None,
        **said,
        "confidence": float(finding.confidence),
    }


def _plain(value: Any) -> Any:
    return escape_text(value) if isinstance(value, str) else value


def _is_as_before(finding: Finding, row: Any) -> bool:
    return row is not None and all(getattr(finding, name) == getattr(row, name) for name in _SAID)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


_SAID: Sequence[str] = (
    *("rule", "category", "severity", "special_category", "source", "location", "confidence", "match_count"),
)
_NAME_OF = sa.select(runs.c.runbook_name).where(runs.c.id == sa.bindparam("of_run"))
_LINE = (
    sa.select(finding_streams.c.id, finding_streams.c.last_seq)
    .where(finding_streams.c.runbook_name == sa.bindparam("of_name"))
    .where(finding_streams.c.artifact_id == sa.bindparam("of_artifact"))
    .with_for_update()
)
_OF_SET = (finding_snapshots.c.stream_id == sa.bindparam("of_line"), finding_snapshots.c.seq == sa.bindparam("of_seq"))
_SEQ_OF = sa.select(sa.func.max(finding_snapshots.c.seq)).where(
    finding_snapshots.c.stream_id == sa.bindparam("of_line"),
    finding_snapshots.c.digest == sa.bindparam("of_digest", type_=finding_snapshots.c.digest.type),
)
_DIGEST_OF = sa.select(finding_snapshots.c.rows_digest).where(*_OF_SET)
_SEEN_AGAIN = sa.update(finding_snapshots).where(*_OF_SET)
_NEWEST = sa.select(findings).where(findings.c.stream_id == sa.bindparam("of_line"), findings.c.valid_to.is_(None))
_LENGTHEN = sa.update(finding_streams).where(finding_streams.c.id == sa.bindparam("of_line"))
_END = sa.update(findings).where(
    findings.c.stream_id == sa.bindparam("of_line"),
    findings.c.fingerprint == sa.bindparam("of_fingerprint"),
    findings.c.valid_to.is_(None),
)
