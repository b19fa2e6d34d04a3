"""Past runs, read from the database. Lists are paged by key, never by offset."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from waivern.artifacts.store import PastArtifact
from waivern.database.connection.clock import database_now
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs.leases import is_stale
from waivern.database.runs.past_artifacts import find_made, made_message, made_parts, newest_run_with
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
from waivern.history.run_history import (
    LATEST,
    ArtifactCounts,
    ArtifactRecord,
    AttemptRecord,
    FailedAttemptRecord,
    RunFilter,
    RunHistory,
    RunRecord,
    Worker,
)
from waivern.messages.canonical import envelope_without, items_of_parts
from waivern.messages.message import Message
from waivern.messages.overview import Overview
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason

_NEWEST_FIRST = (
    sa.select(runs, schedules.c.name.label("schedule_name"))
    .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
)
_SMALLEST_PAGE = 20
_SHOWN_OF_AMBIGUOUS = 5
_LENGTH_OF_ID = 36


class SqlRunHistory(RunHistory):
    """Reads what runs have written; one connection a question."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def recent(self, wanted: RunFilter, *, limit: int) -> Sequence[RunRecord]:
        with self._engine.connect() as connection:
            return list(islice(_records(connection, _filtered(wanted), wanted.status, page=limit), limit))

    def find(self, run: str) -> RunRecord:
        with self._engine.connect() as connection:
            candidates = _NEWEST_FIRST.limit(1 if run == LATEST else _SHOWN_OF_AMBIGUOUS)
            if len(run) == _LENGTH_OF_ID:
                candidates = candidates.where(runs.c.id == run.lower())
            elif run != LATEST:
                candidates = candidates.where(runs.c.id.startswith(run.lower(), autoescape=True))
            rows = connection.execute(candidates).all()
            if len(rows) != 1:
                raise _not_one_run(run, [row.id for row in rows])
            return _with_counts(connection, rows)[0]

    def artifacts_of(self, run_id: str) -> Sequence[ArtifactRecord]:
        with_sizes = (
            sa.select(artifact_view, blobs.c.size)
            .join(blobs, artifact_view.c.digest == blobs.c.digest, isouter=True)
            .where(artifact_view.c.run_id == run_id)
            .order_by(artifact_view.c.position)
        )
        with self._engine.connect() as connection:
            return [_artifact(row) for row in connection.execute(with_sizes)]

    def attempts_at(self, run_id: str) -> Sequence[AttemptRecord]:
        attempts = sa.select(run_attempts).where(run_attempts.c.run_id == run_id).order_by(run_attempts.c.epoch)
        with self._engine.connect() as connection:
            rows = connection.execute(attempts).all()
        return [
            AttemptRecord(number, _worker(row.worker_id), row.started_at, row.ended_at, row.outcome, row.error)
            for number, row in enumerate(rows, 1)
        ]

    def failed_attempts_of(self, run_id: str) -> Sequence[FailedAttemptRecord]:
        attempts = sa.select(artifact_attempts).where(artifact_attempts.c.run_id == run_id)
        in_order = attempts.order_by(artifact_attempts.c.ended_at, artifact_attempts.c.artifact_id)
        with self._engine.connect() as connection:
            return [
                FailedAttemptRecord(row.artifact_id, row.epoch, row.attempt, row.started_at, row.ended_at, row.error)
                for row in connection.execute(in_order)
            ]

    def message_of(self, run_id: str, artifact: str) -> Message:
        with self._engine.connect() as connection:
            return made_message(connection, run_id, artifact)

    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        run_id = None if from_run == LATEST else self.find(from_run).id
        with self._engine.connect() as connection:
            return find_made(connection, run_id or newest_run_with(connection, runbook, artifact_id), artifact_id)

    def items_of(self, run_id: str, artifact: str, key: str) -> Iterator[Any]:
        with self._engine.connect() as connection:
            parts = made_parts(connection, run_id, artifact)
        return items_of_parts(parts, key)

    def envelope_without(self, run_id: str, artifact: str, key: str) -> Mapping[str, Any]:
        with self._engine.connect() as connection:
            parts = made_parts(connection, run_id, artifact)
        return envelope_without(parts, key)

    def sources_of(self, run_id: str) -> Mapping[str, str]:
        sources = (
            sa.select(runbooks.c.sources)
            .join(runs, runs.c.runbook_digest == runbooks.c.digest)
            .where(runs.c.id == run_id)
        )
        with self._engine.connect() as connection:
            found: Mapping[str, str] = connection.execute(sources).scalar_one()
            return found


def _filtered(wanted: RunFilter) -> sa.Select[Any]:
    newest_first = _NEWEST_FIRST
    if wanted.runbook is not None:
        newest_first = newest_first.where(runs.c.runbook_name == wanted.runbook)
    if wanted.schedule is not None:
        named = sa.select(schedules.c.id).where(schedules.c.name == wanted.schedule)
        newest_first = newest_first.where(runs.c.schedule_id.in_(named))
    if wanted.trigger is not None:
        newest_first = newest_first.where(runs.c.trigger == wanted.trigger)
    if wanted.without_reanalyses:
        newest_first = newest_first.where(runs.c.reanalysis_of.is_(None))
    if wanted.since is not None:
        newest_first = newest_first.where(runs.c.created_at >= wanted.since)
    if wanted.until is not None:
        newest_first = newest_first.where(runs.c.created_at < wanted.until)
    if wanted.status is RunStatus.INTERRUPTED:  # some of these are still written down as running
        return newest_first.where(runs.c.status.in_((RunStatus.INTERRUPTED.value, RunStatus.RUNNING.value)))
    if wanted.status is not None:
        newest_first = newest_first.where(runs.c.status == wanted.status.value)
    return newest_first


def _records(
    connection: sa.Connection, newest_first: sa.Select[Any], status: RunStatus | None, *, page: int
) -> Iterator[RunRecord]:
    """The runs, page by page: which of the running ones are abandoned shows only when they are read."""
    size = max(page, _SMALLEST_PAGE)
    after: tuple[datetime, str] | None = None
    while True:
        query = newest_first.limit(size)
        if after is not None:
            query = query.where(sa.tuple_(runs.c.created_at, runs.c.id) < sa.tuple_(*map(sa.literal, after)))
        rows = connection.execute(query).all()
        for record in _with_counts(connection, rows):
            if status is None or record.status is status:
                yield record
        if len(rows) < size:
            return
        after = (rows[-1].created_at, rows[-1].id)


def _with_counts(connection: sa.Connection, rows: Sequence[Any]) -> list[RunRecord]:
    count = (
        sa.select(artifacts.c.run_number, artifacts.c.status, sa.func.count())
        .where(artifacts.c.run_number.in_([row.number for row in rows]))
        .group_by(artifacts.c.run_number, artifacts.c.status)
    )
    counts: dict[int, dict[str, int]] = {}
    for run_number, status, how_many in connection.execute(count):
        counts.setdefault(run_number, {})[status] = how_many
    now = database_now(connection)
    return [_record(row, counts.get(row.number, {}), now) for row in rows]


def _record(row: Any, counts: Mapping[str, int], now: datetime) -> RunRecord:
    status = RunStatus(row.status)
    is_by_hand = row.runbook_path is None  # a service's run is queued again, or ended, by the next service that looks
    if (
        status is RunStatus.RUNNING
        and is_by_hand
        and is_stale(owner=row.worker_id, lease_until=row.lease_until, now=now)
    ):
        status = RunStatus.INTERRUPTED
    return RunRecord(
        id=row.id,
        runbook=row.runbook_name,
        runbook_digest=row.runbook_digest,
        status=status,
        trigger=row.trigger,
        schedule=row.schedule_name,
        due_at=row.due_at,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        epoch=row.epoch,
        worker=None if row.worker_id is None else _worker(row.worker_id),
        error=row.error,
        artifacts=ArtifactCounts(
            total=sum(counts.values()),
            succeeded=counts.get(ArtifactStatus.SUCCEEDED, 0),
            failed=counts.get(ArtifactStatus.FAILED, 0),
            skipped=counts.get(ArtifactStatus.SKIPPED, 0),
        ),
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        priority=row.priority,
        lease_until=row.lease_until,
        deadline=row.deadline,
        reanalysis_of=row.reanalysis_of,
    )


def _worker(owner: str) -> Worker:
    parsed = ProcessIdentity.parse(owner)
    return Worker(parsed.host, parsed.pid)


def _artifact(row: Any) -> ArtifactRecord:
    return ArtifactRecord(
        artifact_id=row.artifact_id,
        kind=row.kind,
        component=row.component,
        status=ArtifactStatus(row.status),
        epoch=row.epoch,
        schema=row.schema,
        inputs=tuple(row.inputs or ()),
        aliases=tuple(row.aliases or ()),
        started_at=row.started_at,
        ended_at=row.ended_at,
        skip_reason=None if row.skip_reason is None else SkipReason(row.skip_reason),
        skipped_because=row.skipped_because,
        error=row.error,
        output=row.output,
        optional=row.optional,
        digest=row.digest,
        size=row.size,
        overview=Overview.from_json(row.overview),
        retain=row.retain,
        pruned_at=row.pruned_at,
        pruned_because=row.pruned_because,
    )


def _not_one_run(run: str, found: Sequence[str]) -> RunError:
    if not found:
        there_is_none = "There are no runs yet" if run == LATEST else f"There is no run '{run}'"
        return RunError(there_is_none, remedy="See `waivern history`, or start one with `waivern run RUNBOOK`")
    return RunError(f"More than one run begins with '{run}': {', '.join(found)}", remedy="Give more of the id")
