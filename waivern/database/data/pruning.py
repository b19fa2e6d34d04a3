"""Pruning: delete content whose retention period has expired, or that is older than requested."""

import functools
from collections.abc import Sequence

import sqlalchemy as sa

from waivern.database.blobs.part_results import forget_unused_results
from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.retries import retry_on_conflict
from waivern.database.connection.sqlite_file import truncate_wal, unused_bytes
from waivern.database.data.due_contents import find_due
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.retention.live_parts import parts_only_of
from waivern.database.retention.retention_rules import (
    HAS_CONTENT,
    PRUNED_BY_NONE,
    add_gc_candidates,
    holds_any_of,
    record_pruned,
)
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blobs, runs
from waivern.history.retention import PrunedArtifact, PruneRequest, PruneResult

_READ_SIZE = 10_000
_REFERENCES = sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id, artifacts.c.digest).join(
    runs, runs.c.number == artifacts.c.run_number
)
_PRUNE = (
    sa.update(artifacts)
    .where(artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), *HAS_CONTENT)
    .where(artifacts.c.artifact_id == sa.bindparam("of_artifact"))
    .values(pruned_at=sa.bindparam("at", type_=artifacts.c.pruned_at.type), pruned_because=sa.bindparam("reason"))
)


def prune(engine: sa.Engine, request: PruneRequest, *, actor: str) -> PruneResult:
    """Find what is due without locks, prune it in short transactions, and collect the garbage."""
    due = find_due(engine, request)
    for batch in batched(due):
        retry_on_conflict(functools.partial(_prune_batch, engine, batch, actor=actor))
    collected = collect_garbage(engine, actor=actor)
    forget_unused_results(engine)
    truncate_wal(engine)
    return PruneResult(due, collected.contents, collected.freed_bytes, unused_bytes(engine))


def preview_prune(engine: sa.Engine, request: PruneRequest) -> PruneResult:
    """Return what `prune` would do."""
    due = find_due(engine, request)
    pruned = {(artifact.run_id, artifact.artifact_id) for artifact in due}
    garbage = {artifact.digest for artifact in due}
    with engine.connect() as connection:
        for batch in batched(sorted(garbage)):
            references = connection.execution_options(yield_per=_READ_SIZE).execute(
                _REFERENCES.where(holds_any_of(batch))
            )
            garbage -= {row.digest for row in references if (row.run_id, row.artifact_id) not in pruned}
        parts = parts_only_of(connection, garbage)
        freed_bytes = sum(_stored_bytes(connection, batch) for batch in batched(sorted(garbage | parts)))
    return PruneResult(due, len(garbage), freed_bytes, unused_bytes(engine))


def _stored_bytes(connection: sa.Connection, digests: Sequence[str]) -> int:
    total = sa.func.coalesce(sa.func.sum(blobs.c.stored_size), 0)
    return int(connection.execute(sa.select(total).where(blobs.c.digest.in_(digests))).scalar_one())


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
