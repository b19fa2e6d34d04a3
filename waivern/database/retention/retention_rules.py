"""Pruning at the end of a run, and what it means for resuming the run.

A pruned artifact has `pruned_at`; from then on its content cannot be read. Other artifacts may share the content, so
its blob only becomes a candidate for garbage collection.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.inserts import upsert
from waivern.database.events import event_rows
from waivern.database.schema.artifact_view import DECLARATION_JOIN, artifact_view, run_number_of
from waivern.database.schema.tables import artifact_declarations, artifacts, blobs, gc_candidates
from waivern.errors import RunError
from waivern.history.events import EventKind
from waivern.runs.run import ArtifactStatus, RunStatus

RETAIN_NONE, RETAIN_UNTIL_SUCCESS = "none", "until_success"
PRUNED_BY_NONE = f"retain: {RETAIN_NONE}"
"""The reason of an artifact that was pruned because its content is never kept beyond the run."""

HAS_CONTENT = (artifacts.c.digest.is_not(None), artifacts.c.pruned_at.is_(None))
"""The conditions for an artifact whose content can be read."""

_PREFIX_BYTES = 3
_DIGEST_PREFIX: sa.ColumnElement[bytes] = sa.literal_column(
    f"substr(artifacts.digest, 1, {_PREFIX_BYTES})", type_=sa.LargeBinary()
)

_RETAIN = sa.select(artifact_declarations.c.retain).where(DECLARATION_JOIN).correlate(artifacts).scalar_subquery()
_PRUNE_RUN = (
    sa.update(artifacts)
    .where(artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), *HAS_CONTENT)
    .where(_RETAIN.in_(sa.bindparam("expired", expanding=True)))
    .values(pruned_because=sa.literal("retain: ") + _RETAIN)
    .returning(artifacts.c.artifact_id, artifacts.c.digest, artifacts.c.pruned_because.label("reason"))
)


def had_any_of(digests: Collection[str]) -> "sa.ColumnElement[bool]":
    """Return the condition for an artifact whose content is, or was before it was pruned, one of these.

    Its index holds only the beginning of each digest, so the condition names that too.
    """
    prefixes = {bytes.fromhex(digest)[:_PREFIX_BYTES] for digest in digests}
    is_one = artifacts.c.digest.in_(digests)
    return sa.and_(_DIGEST_PREFIX.in_(sorted(prefixes)), is_one, artifacts.c.digest.is_not(None))


def holds_any_of(digests: Collection[str]) -> "sa.ColumnElement[bool]":
    """Return the condition for an artifact whose content is one of these and can be read."""
    return sa.and_(had_any_of(digests), *HAS_CONTENT)


def prune_at_run_end(connection: sa.Connection, run_id: str, status: RunStatus, *, at: datetime, actor: str) -> None:
    """Prune the artifacts of a run that are not retained beyond its end.

    Call it last in the transaction: it locks rows of blobs that other runs share.
    """
    expired = [RETAIN_NONE, RETAIN_UNTIL_SUCCESS] if status is RunStatus.SUCCEEDED else [RETAIN_NONE]
    rows = connection.execute(_PRUNE_RUN, {"of_run": run_id, "expired": expired, "pruned_at": at}).all()
    by_none = {row.digest for row in rows if row.reason == PRUNED_BY_NONE}
    add_gc_candidates(connection, by_none, keeps_results=True)
    add_gc_candidates(connection, {row.digest for row in rows} - by_none)
    record_pruned(connection, [{"run": run_id, **row._mapping} for row in sorted(rows)], at=at, actor=actor)


def record_pruned(connection: sa.Connection, pruned: Sequence[Mapping[str, str]], *, at: datetime, actor: str) -> None:
    """Append the events of pruned artifacts: `run`, `artifact_id`, `digest` and `reason` of each."""
    for batch in batched(pruned):
        body = {"artifacts": [dict(artifact) for artifact in batch]}
        event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_PRUNED, body=body, at=at)


def add_gc_candidates(connection: sa.Connection, digests: Collection[str], *, keeps_results: bool = False) -> None:
    """Mark contents for garbage collection, because an artifact references them no longer; others still may.

    Args:
        connection: The transaction that removes the reference.
        digests: The contents.
        keeps_results: Whether what was found in their parts stays remembered.
    """
    for batch in batched(sorted(digests)):
        lock = sa.select(blobs.c.size).where(blobs.c.digest.in_(batch)).order_by(blobs.c.digest).with_for_update()
        connection.execute(lock)
        # A new generation each time: a collector must not act on references that it read before this one was removed.
        candidates = [
            {"digest": digest, "generation": secrets.randbits(63), "keeps_results": keeps_results} for digest in batch
        ]
        connection.execute(upsert(connection, gc_candidates), candidates)


def refuse_pruned_inputs(connection: sa.Connection, run_id: str) -> None:
    """Refuse to resume a run if an artifact that has not succeeded needs an input that was pruned.

    Raises:
        RunError: names the artifact and its input, and says when and why that was pruned.
    """
    query = sa.select(artifact_view).where(artifact_view.c.run_id == run_id).order_by(artifact_view.c.position)
    by_id = {row.artifact_id: row for row in connection.execute(query)}
    for row in by_id.values():
        inputs = () if row.status == ArtifactStatus.SUCCEEDED.value else row.inputs or ()
        pruned = next((input_id for input_id in inputs if by_id[input_id].pruned_at is not None), None)
        if pruned is not None:
            raise RunError(
                f"The run {run_id} cannot be resumed: '{row.artifact_id}' needs '{pruned}', which was pruned"
                f" on {by_id[pruned].pruned_at:%Y-%m-%d} ({by_id[pruned].pruned_because})",
                remedy="Start a new run",
            )
