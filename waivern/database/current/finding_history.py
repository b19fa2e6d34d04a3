"""Past findings, read from the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
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
from waivern.history.finding import Finding
from waivern.history.finding_history import FindingHistory, HeldSet
from waivern.history.omissions import Omissions

_ASKED_AT_ONCE = 500
_FETCHED_AT_ONCE = 5_000

_HELD = (
    sa.select(
        artifacts.c.artifact_id,
        artifacts.c.snapshot_seq,
        finding_snapshots.c.ruleset,
        finding_snapshots.c.rules_version,
    )
    .join(runs, runs.c.number == artifacts.c.run_number)
    .join(artifact_declarations, DECLARATION_JOIN)
    .join(
        finding_streams,
        (finding_streams.c.runbook_name == runs.c.runbook_name)
        & (finding_streams.c.artifact_id == artifacts.c.artifact_id),
    )
    .join(
        finding_snapshots,
        (finding_snapshots.c.stream_id == finding_streams.c.id) & (finding_snapshots.c.seq == artifacts.c.snapshot_seq),
    )
    .where(runs.c.id == sa.bindparam("of_run"), artifacts.c.snapshot_seq.is_not(None))
    .order_by(artifact_declarations.c.position)
)
_COVERAGE_GAPS = _HELD.add_columns(finding_snapshots.c.coverage_gaps).where(
    artifacts.c.artifact_id == sa.bindparam("of_artifact")
)


def _of_run(*wanted: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """What is wanted of the findings that a run's artifacts hold."""
    return (
        sa.select(*wanted)
        .select_from(artifacts)
        .join(runs, runs.c.number == artifacts.c.run_number)
        .join(artifact_declarations, DECLARATION_JOIN)
        .join(
            finding_streams,
            (finding_streams.c.runbook_name == runs.c.runbook_name)
            & (finding_streams.c.artifact_id == artifacts.c.artifact_id),
        )
        .join(
            findings,
            (findings.c.stream_id == finding_streams.c.id)
            & (findings.c.valid_from <= artifacts.c.snapshot_seq)
            & (findings.c.valid_to.is_(None) | (findings.c.valid_to >= artifacts.c.snapshot_seq)),
        )
        .where(runs.c.id == sa.bindparam("of_run"), artifacts.c.snapshot_seq.is_not(None))
    )


_OF_RUN = _of_run(artifacts.c.artifact_id, *(findings.c[name] for name in Finding.__struct_fields__)).order_by(
    artifact_declarations.c.position,
    *(collate_binary(findings.c[name]) for name in ("source", "location", "rule", "fingerprint")),
)
_IN_NUMBERS = _of_run(findings.c.severity, sa.func.count(findings.c.fingerprint.distinct())).group_by(
    findings.c.severity
)


class SqlFindingHistory(FindingHistory):
    """Reads the rows that `finding_rows` writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def sets_of(self, run_id: str) -> Mapping[str, HeldSet]:
        with self._engine.connect() as connection:
            rows = connection.execute(_HELD, {"of_run": run_id}).all()
        return {row.artifact_id: HeldSet(row.snapshot_seq, row.ruleset, row.rules_version) for row in rows}

    def omissions_of(self, run_id: str, artifact_id: str) -> Omissions | None:
        with self._engine.connect() as connection:
            return omissions_of_artifact(connection, run_id, artifact_id)

    def findings_of(self, run_id: str) -> Sequence[tuple[str, Finding]]:
        with self._engine.connect() as connection:
            return findings_of_run(connection, run_id)

    def numbers_of(self, run_id: str) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            rows = connection.execute(_IN_NUMBERS, {"of_run": run_id}).all()
        return dict(rows)

    def seen_before(self, runbook: str, fingerprints: Collection[str], *, before: datetime) -> set[str]:
        seen: set[str] = set()
        with self._engine.connect() as connection:
            for some in batched(sorted(fingerprints), _ASKED_AT_ONCE):
                seen.update(connection.scalars(_seen(runbook, some, before)))
        return seen


def findings_of_run(connection: sa.Connection, run_id: str) -> list[tuple[str, Finding]]:
    """Return (artifact id, finding) of a run, within the caller's transaction.

    What many have in common (artifact, rule, category, severity, source) is held once: a run may have 100,000.
    """
    shared: dict[str, str] = {}
    same = shared.setdefault
    return [
        (
            same(artifact, artifact),
            Finding(fingerprint, same(rule, rule), same(category, category), same(severity, severity), special,
                    same(source, source), place, confidence, matches),
        )
        for rows in connection.execute(_OF_RUN, {"of_run": run_id}).partitions(_FETCHED_AT_ONCE)
        for artifact, fingerprint, rule, category, severity, special, source, place, confidence, matches in rows
    ]  # fmt: skip


def omissions_of_artifact(connection: sa.Connection, run_id: str, artifact_id: str) -> Omissions | None:
    """Return what was not looked at on the way to an artifact; None where nobody wrote it down."""
    row = connection.execute(_COVERAGE_GAPS, {"of_run": run_id, "of_artifact": artifact_id}).first()
    return None if row is None or row.coverage_gaps is None else Omissions.from_json(row.coverage_gaps)


def _seen(runbook: str, fingerprints: Sequence[str], before: datetime) -> sa.Select[tuple[str]]:
    first = (finding_snapshots.c.stream_id == findings.c.stream_id) & (finding_snapshots.c.seq == findings.c.valid_from)
    return (
        sa.select(findings.c.fingerprint)
        .join(finding_streams, finding_streams.c.id == findings.c.stream_id)
        .join(finding_snapshots, first)
        .where(finding_streams.c.runbook_name == runbook, finding_snapshots.c.first_at < before)
        .where(findings.c.fingerprint.in_(fingerprints))
        .distinct()
    )
