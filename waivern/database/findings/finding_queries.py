"""The findings, snapshots and coverage gaps of a run, read within the caller's transaction."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.stored_values import collate_binary
from waivern.database.schema.artifact_view import DECLARATION_JOIN
from waivern.database.schema.tables import (
    artifact_declarations,
    artifacts,
    finding_snapshots,
    finding_streams,
    findings,
    runs,
)
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, SnapshotRef

FINGERPRINTS_PER_QUERY = 500
_ROWS_PER_FETCH = 5_000

_STREAM = (finding_streams.c.runbook_name == runs.c.runbook_name) & (
    finding_streams.c.artifact_id == artifacts.c.artifact_id
)
_SNAPSHOTS = (
    sa.select(
        artifacts.c.artifact_id,
        artifacts.c.snapshot_seq,
        finding_snapshots.c.ruleset,
        finding_snapshots.c.rules_version,
    )
    .join(runs, runs.c.number == artifacts.c.run_number)
    .join(artifact_declarations, DECLARATION_JOIN)
    .join(finding_streams, _STREAM)
    .join(
        finding_snapshots,
        (finding_snapshots.c.stream_id == finding_streams.c.id) & (finding_snapshots.c.seq == artifacts.c.snapshot_seq),
    )
    .where(runs.c.id == sa.bindparam("of_run"), artifacts.c.snapshot_seq.is_not(None))
    .order_by(artifact_declarations.c.position)
)
_COVERAGE_GAPS = _SNAPSHOTS.add_columns(finding_snapshots.c.coverage_gaps).where(
    artifacts.c.artifact_id == sa.bindparam("of_artifact")
)


def _select_findings(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Select columns of the findings that the artifacts of a run hold."""
    return (
        sa.select(*columns)
        .select_from(artifacts)
        .join(runs, runs.c.number == artifacts.c.run_number)
        .join(artifact_declarations, DECLARATION_JOIN)
        .join(finding_streams, _STREAM)
        .join(
            findings,
            (findings.c.stream_id == finding_streams.c.id)
            & (findings.c.valid_from <= artifacts.c.snapshot_seq)
            & (findings.c.valid_to.is_(None) | (findings.c.valid_to >= artifacts.c.snapshot_seq)),
        )
        .where(runs.c.id == sa.bindparam("of_run"), artifacts.c.snapshot_seq.is_not(None))
    )


_FINDINGS = _select_findings(
    artifacts.c.artifact_id, *(findings.c[name] for name in Finding.__struct_fields__)
).order_by(
    artifact_declarations.c.position,
    *(collate_binary(findings.c[name]) for name in ("source", "location", "rule", "fingerprint")),
)
_COUNTS = _select_findings(findings.c.severity, sa.func.count(findings.c.fingerprint.distinct())).group_by(
    findings.c.severity
)


def snapshots_of_run(connection: sa.Connection, run_id: str) -> dict[str, SnapshotRef]:
    """Return {artifact id: snapshot} in the order of the run's plan."""
    rows = connection.execute(_SNAPSHOTS, {"of_run": run_id})
    return {row.artifact_id: SnapshotRef(row.snapshot_seq, row.ruleset, row.rules_version) for row in rows}


def coverage_gaps_of_artifact(connection: sa.Connection, run_id: str, artifact_id: str) -> CoverageGaps:
    """Return the coverage gaps of an artifact of findings; empty for any other artifact."""
    row = connection.execute(_COVERAGE_GAPS, {"of_run": run_id, "of_artifact": artifact_id}).first()
    return CoverageGaps() if row is None else CoverageGaps.from_json(row.coverage_gaps)


def findings_of_run(connection: sa.Connection, run_id: str) -> list[tuple[str, Finding]]:
    """Return (artifact id, finding) pairs, sorted by artifact in plan order, source, location and rule.

    Repeated strings (artifact, rule, category, severity, source) share one object: a run may have 100,000 findings.
    """
    strings: dict[str, str] = {}
    shared = strings.setdefault
    return [
        (
            shared(artifact, artifact),
            Finding(fingerprint, shared(rule, rule), shared(category, category), shared(severity, severity), special,
                    shared(source, source), location, confidence, matches),
        )
        for rows in connection.execute(_FINDINGS, {"of_run": run_id}).partitions(_ROWS_PER_FETCH)
        for artifact, fingerprint, rule, category, severity, special, source, location, confidence, matches in rows
    ]  # fmt: skip


def finding_counts_of_run(connection: sa.Connection, run_id: str) -> dict[str, int]:
    """Return {severity: number of distinct findings}."""
    return dict(connection.execute(_COUNTS, {"of_run": run_id}).all())


def fingerprints_seen_before(
    connection: sa.Connection, runbook: str, fingerprints: Collection[str], *, before: datetime
) -> set[str]:
    """Return which fingerprints a run of the runbook had saved before an instant."""
    in_order, seen = sorted(fingerprints), set[str]()
    for start in range(0, len(in_order), FINGERPRINTS_PER_QUERY):
        seen.update(connection.scalars(_seen(runbook, in_order[start : start + FINGERPRINTS_PER_QUERY], before)))
    return seen


def _seen(runbook: str, fingerprints: list[str], before: datetime) -> sa.Select[tuple[str]]:
    first = (finding_snapshots.c.stream_id == findings.c.stream_id) & (finding_snapshots.c.seq == findings.c.valid_from)
    return (
        sa.select(findings.c.fingerprint)
        .join(finding_streams, finding_streams.c.id == findings.c.stream_id)
        .join(finding_snapshots, first)
        .where(finding_streams.c.runbook_name == runbook, finding_snapshots.c.first_at < before)
        .where(findings.c.fingerprint.in_(fingerprints))
        .distinct()
    )
