"""Pruning: delete content whose retention period has expired, or that is older than requested."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs.part_results import forget_unused_results
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.connection.sqlite_file import truncate_wal, unused_bytes
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.retention.live_parts import parts_only_of
from waivern.database.retention.retention_rules import (
    HAS_CONTENT,
    PRUNED_BY_NONE,
    RETAIN_NONE,
    RETAIN_UNTIL_SUCCESS,
    add_gc_candidates,
    record_pruned,
)
from waivern.database.schema.artifact_view import DECLARATION_JOIN, run_number_of
from waivern.database.schema.tables import artifact_declarations, artifacts, blobs, runs
from waivern.history.retention import PrunedArtifact, PruneRequest, PruneResult
from waivern.runs.run import RunStatus

_ABANDONED_AFTER = timedelta(days=1)
"""How long after its lease a manual run counts as ended: until then it may be resumed."""

_READ_SIZE = 10_000

_CANDIDATES = (
    sa.select(
        *(artifacts.c[name] for name in ("artifact_id", "digest")),
        *(artifact_declarations.c.retain, runs.c.id.label("run_id")),
        *(runs.c[name] for name in ("runbook_name", "created_at", "ended_at", "lease_until", "status")),
    )
    .join(runs, runs.c.number == artifacts.c.run_number)
    .join(artifact_declarations, DECLARATION_JOIN)
    .where(*HAS_CONTENT, runs.c.status != RunStatus.QUEUED.value)
    .order_by(runs.c.id, artifact_declarations.c.position)
)
_LAST_SUCCESS = (
    sa.select(runs.c.runbook_name, sa.func.max(runs.c.created_at).label("at"))
    .where(runs.c.status == RunStatus.SUCCEEDED.value, runs.c.reanalysis_of.is_(None))
    .group_by(runs.c.runbook_name)
)
_REFERENCES = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id, artifacts.c.digest)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .where(*HAS_CONTENT)
)
_PRUNE = (
    sa.update(artifacts)
    .where(artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), *HAS_CONTENT)
    .where(artifacts.c.artifact_id == sa.bindparam("of_artifact"))
    .values(pruned_at=sa.bindparam("at", type_=artifacts.c.pruned_at.type), pruned_because=sa.bindparam("reason"))
)


def prune(engine: sa.Engine, request: PruneRequest, *, actor: str) -> PruneResult:
    """Find what is due without locks, prune it in short transactions, and collect the garbage."""
    due = _find_due(engine, request)
    for batch in batched(due):
        retry_on_conflict(functools.partial(_prune_batch, engine, batch, actor=actor))
    collected = collect_garbage(engine, actor=actor)
    forget_unused_results(engine)
    truncate_wal(engine)
    return PruneResult(due, collected.contents, collected.freed_bytes, unused_bytes(engine))


def preview_prune(engine: sa.Engine, request: PruneRequest) -> PruneResult:
    """Return what `prune` would do."""
    due = _find_due(engine, request)
    pruned = {(artifact.run_id, artifact.artifact_id) for artifact in due}
    garbage = {artifact.digest for artifact in due}
    with engine.connect() as connection:
        references = connection.execution_options(yield_per=_READ_SIZE).execute(_REFERENCES)
        garbage -= {
            row.digest for row in references if row.digest in garbage and (row.run_id, row.artifact_id) not in pruned
        }
        parts = parts_only_of(connection, garbage)
        freed_bytes = sum(_stored_bytes(connection, batch) for batch in batched(sorted(garbage | parts)))
    return PruneResult(due, len(garbage), freed_bytes, unused_bytes(engine))


def _stored_bytes(connection: sa.Connection, digests: Sequence[str]) -> int:
    total = sa.func.coalesce(sa.func.sum(blobs.c.stored_size), 0)
    return int(connection.execute(sa.select(total).where(blobs.c.digest.in_(digests))).scalar_one())


def _find_due(engine: sa.Engine, request: PruneRequest) -> Sequence[PrunedArtifact]:
    candidates = _CANDIDATES
    if request.runbook is not None:
        candidates = candidates.where(runs.c.runbook_name == request.runbook)
    if request.older_than is None:
        candidates = candidates.where(artifact_declarations.c.retain.is_not(None))
    with engine.connect() as connection:
        successes = {row.runbook_name: row.at for row in connection.execute(_LAST_SUCCESS)}
        rule = _ExpiryRule(database_now(connection), successes, request.older_than)
        rows = connection.execution_options(yield_per=_READ_SIZE).execute(candidates)
        return list(_select_due(rows, rule))


@dataclass(frozen=True)
class _ExpiryRule:
    """Decides whether an artifact's content is due to be pruned.

    Args:
        now: The database's time.
        last_success: By runbook, when its last successful run was created.
        older_than: The age limit of the request.
    """

    now: datetime
    last_success: Mapping[str, datetime]
    older_than: timedelta | None

    def reason(self, row: Any) -> str | None:
        """Return why the content of a row of `_CANDIDATES` is due; None if it is not."""
        ended_at = self._ended_at(row)
        if ended_at is None:
            return None
        if row.retain is not None and self._is_expired(row, ended_at):
            return f"retain: {_retain_as_text(row.retain)}"
        if self.older_than is not None and ended_at <= self.now - self.older_than:
            return f"pruned by hand: older than {_duration_as_text(self.older_than.total_seconds())}"
        return None

    def _is_expired(self, row: Any, ended_at: datetime) -> bool:
        if row.retain == RETAIN_NONE:
            return True
        if row.retain == RETAIN_UNTIL_SUCCESS:
            success = self.last_success.get(row.runbook_name)
            return success is not None and bool(success >= row.created_at)
        return self.now >= ended_at + timedelta(seconds=float(row.retain))

    def _ended_at(self, row: Any) -> datetime | None:
        if row.status != RunStatus.RUNNING.value:
            ended: datetime | None = row.ended_at
            return ended
        abandoned_at: datetime = row.lease_until + _ABANDONED_AFTER
        return abandoned_at if abandoned_at <= self.now else None


def _select_due(rows: sa.CursorResult[Any], rule: _ExpiryRule) -> Iterator[PrunedArtifact]:
    for row in rows:
        reason = rule.reason(row)
        if reason is not None:
            yield PrunedArtifact(row.run_id, row.runbook_name, row.artifact_id, row.digest, reason)


def _prune_batch(engine: sa.Engine, batch: Sequence[PrunedArtifact], *, actor: str) -> None:
    pruned = [
        {
            "run": artifact.run_id,
            "artifact_id": artifact.artifact_id,
            "digest": artifact.digest,
            "reason": artifact.reason,
        }
        for artifact in batch
    ]
    with writing(engine) as connection:
        now = database_now(connection)
        connection.execute(
            _PRUNE,
            [
                {"of_run": artifact.run_id, "of_artifact": artifact.artifact_id, "at": now, "reason": artifact.reason}
                for artifact in batch
            ],
        )
        by_none = {artifact.digest for artifact in batch if artifact.reason == PRUNED_BY_NONE}
        add_gc_candidates(connection, by_none, keeps_results=True)
        add_gc_candidates(connection, {artifact.digest for artifact in batch} - by_none)
        record_pruned(connection, pruned, at=now, actor=actor)


def _retain_as_text(retain: str) -> str:
    return retain if retain in (RETAIN_NONE, RETAIN_UNTIL_SUCCESS) else _duration_as_text(float(retain))


def _duration_as_text(duration_s: float) -> str:
    """Return a duration as runbooks write it: "30d", "90s"."""
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        if duration_s and duration_s % seconds == 0:
            return f"{duration_s / seconds:.0f}{unit}"
    return f"{duration_s:g}s"
