"""Past and current runs, and their findings, read from the database. Lists are paged by key, never by offset."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from waivern.artifacts.store import PastArtifact
from waivern.database.connection.clock import database_now
from waivern.database.findings.finding_queries import (
    coverage_gaps_of_artifact,
    finding_counts_of_run,
    findings_of_run,
    fingerprints_seen_before,
    snapshots_of_run,
)
from waivern.database.runs.past_artifacts import find_succeeded, newest_run_with, saved_message
from waivern.database.runs.run_records import artifact_record, attempt_record, failed_attempt_record, run_record
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import (
    artifact_attempts,
    artifacts,
    blobs,
    run_attempts,
    runbooks,
    runs,
    schedules,
)
from waivern.errors import RunError
from waivern.history.coverage_gaps import CoverageGaps
from waivern.history.finding import Finding, SnapshotRef
from waivern.history.history import History
from waivern.history.run_records import (
    LATEST,
    ArtifactRecord,
    AttemptRecord,
    FailedAttemptRecord,
    RunFilter,
    RunRecord,
)
from waivern.messages.message import Message
from waivern.runs.run import RunStatus

_NEWEST_FIRST = (
    sa.select(runs, schedules.c.name.label("schedule_name"))
    .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
)
_MIN_PAGE_SIZE = 20
_MAX_SHOWN_CANDIDATES = 5
_ID_LENGTH = 36
_FIRST_ID, _LAST_ID = (str(UUID(int=number)) for number in (0, 2**128 - 1))


class SqlHistory(History):
    """Reads what runs have written; each method uses a connection of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def recent(self, run_filter: RunFilter, *, limit: int) -> Sequence[RunRecord]:
        with self._engine.connect() as connection:
            records = _records(connection, _filtered(run_filter), run_filter.status, page_size=limit)
            return list(islice(records, limit))

    def find(self, run: str) -> RunRecord:
        with self._engine.connect() as connection:
            candidates = _NEWEST_FIRST.limit(1 if run == LATEST else _MAX_SHOWN_CANDIDATES)
            if len(run) == _ID_LENGTH:
                candidates = candidates.where(runs.c.id == run.lower())
            elif run != LATEST:
                candidates = candidates.where(runs.c.id.between(*_ids_with_prefix(run.lower())))
            rows = connection.execute(candidates).all()
            if len(rows) != 1:
                raise _no_unique_run(run, [row.id for row in rows])
            return _records_of_rows(connection, rows)[0]

    def artifacts_of(self, run_id: str) -> Sequence[ArtifactRecord]:
        with_sizes = (
            sa.select(artifact_view, blobs.c.size)
            .join(blobs, artifact_view.c.digest == blobs.c.digest, isouter=True)
            .where(artifact_view.c.run_id == run_id)
            .order_by(artifact_view.c.position)
        )
        with self._engine.connect() as connection:
            return [artifact_record(row) for row in connection.execute(with_sizes)]

    def attempts_of(self, run_id: str) -> Sequence[AttemptRecord]:
        attempts = sa.select(run_attempts).where(run_attempts.c.run_id == run_id).order_by(run_attempts.c.epoch)
        with self._engine.connect() as connection:
            return [attempt_record(row, number) for number, row in enumerate(connection.execute(attempts), 1)]

    def failed_attempts_of(self, run_id: str) -> Sequence[FailedAttemptRecord]:
        attempts = sa.select(artifact_attempts).where(artifact_attempts.c.run_id == run_id)
        in_order = attempts.order_by(artifact_attempts.c.ended_at, artifact_attempts.c.artifact_id)
        with self._engine.connect() as connection:
            return [failed_attempt_record(row) for row in connection.execute(in_order)]

    def message_of(self, run_id: str, artifact: str) -> Message:
        with self._engine.connect() as connection:
            return saved_message(connection, run_id, artifact)

    def items_of(self, run_id: str, artifact: str, key: str) -> Iterator[Any]:
        return iter(self.message_of(run_id, artifact).items_of(key) or ())

    def envelope_without(self, run_id: str, artifact: str, key: str) -> Mapping[str, Any]:
        return self.message_of(run_id, artifact).envelope_without(key)

    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        run_id = None if from_run == LATEST else self.find(from_run).id
        with self._engine.connect() as connection:
            run_id = run_id or newest_run_with(connection, runbook, artifact_id)
            return find_succeeded(connection, run_id, artifact_id)

    def sources_of(self, run_id: str) -> Mapping[str, str]:
        sources = (
            sa.select(runbooks.c.sources)
            .join(runs, runs.c.runbook_digest == runbooks.c.digest)
            .where(runs.c.id == run_id)
        )
        with self._engine.connect() as connection:
            found: Mapping[str, str] = connection.execute(sources).scalar_one()
            return found

    def snapshots_of(self, run_id: str) -> Mapping[str, SnapshotRef]:
        with self._engine.connect() as connection:
            return snapshots_of_run(connection, run_id)

    def coverage_gaps_of(self, run_id: str, artifact_id: str) -> CoverageGaps:
        with self._engine.connect() as connection:
            return coverage_gaps_of_artifact(connection, run_id, artifact_id)

    def findings_of(self, run_id: str) -> Sequence[tuple[str, Finding]]:
        with self._engine.connect() as connection:
            return findings_of_run(connection, run_id)

    def finding_counts_of(self, run_id: str) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            return finding_counts_of_run(connection, run_id)

    def seen_before(self, runbook: str, fingerprints: Collection[str], *, before: datetime) -> set[str]:
        with self._engine.connect() as connection:
            return fingerprints_seen_before(connection, runbook, fingerprints, before=before)


def _ids_with_prefix(prefix: str) -> tuple[str, str]:
    """Return the first and the last id with a prefix. Ids have the same form, so every collation sorts them alike."""
    if re.fullmatch(r"[0-9a-f-]*", prefix) is None or len(prefix) > _ID_LENGTH:
        return _LAST_ID, _FIRST_ID  # no id is between them
    return prefix + _FIRST_ID[len(prefix) :], prefix + _LAST_ID[len(prefix) :]


def _filtered(run_filter: RunFilter) -> sa.Select[Any]:
    newest_first = _NEWEST_FIRST
    if run_filter.runbook is not None:
        newest_first = newest_first.where(runs.c.runbook_name == run_filter.runbook)
    if run_filter.schedule is not None:
        with_name = sa.select(schedules.c.id).where(schedules.c.name == run_filter.schedule)
        newest_first = newest_first.where(runs.c.schedule_id.in_(with_name))
    if run_filter.trigger is not None:
        newest_first = newest_first.where(runs.c.trigger == run_filter.trigger)
    if run_filter.without_reanalyses:
        newest_first = newest_first.where(runs.c.reanalysis_of.is_(None))
    if run_filter.since is not None:
        newest_first = newest_first.where(runs.c.created_at >= run_filter.since)
    if run_filter.until is not None:
        newest_first = newest_first.where(runs.c.created_at < run_filter.until)
    if run_filter.status is RunStatus.INTERRUPTED:  # the rows of some of these still say "running"
        return newest_first.where(runs.c.status.in_((RunStatus.INTERRUPTED.value, RunStatus.RUNNING.value)))
    if run_filter.status is not None:
        newest_first = newest_first.where(runs.c.status == run_filter.status.value)
    return newest_first


def _records(
    connection: sa.Connection, newest_first: sa.Select[Any], status: RunStatus | None, *, page_size: int
) -> Iterator[RunRecord]:
    """Yield the runs page by page: only their rows show which of the running ones were interrupted."""
    size = max(page_size, _MIN_PAGE_SIZE)
    after: tuple[datetime, str] | None = None
    while True:
        query = newest_first.limit(size)
        if after is not None:
            query = query.where(sa.tuple_(runs.c.created_at, runs.c.id) < sa.tuple_(*map(sa.literal, after)))
        rows = connection.execute(query).all()
        for record in _records_of_rows(connection, rows):
            if status is None or record.status is status:
                yield record
        if len(rows) < size:
            return
        after = (rows[-1].created_at, rows[-1].id)


def _records_of_rows(connection: sa.Connection, rows: Sequence[Any]) -> list[RunRecord]:
    counting = (
        sa.select(artifacts.c.run_number, artifacts.c.status, sa.func.count())
        .where(artifacts.c.run_number.in_([row.number for row in rows]))
        .group_by(artifacts.c.run_number, artifacts.c.status)
    )
    counts: dict[int, dict[str, int]] = {}
    for run_number, status, count in connection.execute(counting):
        counts.setdefault(run_number, {})[status] = count
    now = database_now(connection)
    return [run_record(row, counts.get(row.number, {}), now=now) for row in rows]


def _no_unique_run(run: str, candidates: Sequence[str]) -> RunError:
    if not candidates:
        problem = "There are no runs yet" if run == LATEST else f"There is no run '{run}'"
        return RunError(problem, remedy="See `waivern history`, or start one with `waivern run RUNBOOK`")
    return RunError(f"More than one run id starts with '{run}': {', '.join(candidates)}", remedy="Give a longer prefix")
