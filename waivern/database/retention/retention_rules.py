"""Letting messages go: a run's own at its end, and what that means for one that is taken up again.

An artifact lets its message go by a date in its row; from then on the message cannot be read. Its content may be kept
by other artifacts, so its blob is only marked as unwanted: `emptying` looks whether anybody keeps it.
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
HAS_CONTENT = (artifacts.c.digest.is_not(None), artifacts.c.pruned_at.is_(None))
"""Of an artifact whose message can be read."""

_RETAIN = sa.select(artifact_declarations.c.retain).where(DECLARATION_JOIN).correlate(artifacts).scalar_subquery()
_LET_GO_AT_END = (
    sa.update(artifacts)
    .where(artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), *HAS_CONTENT)
    .where(_RETAIN.in_(sa.bindparam("done_with", expanding=True)))
    .values(pruned_because=sa.literal("retain: ") + _RETAIN)
    .returning(artifacts.c.artifact_id, artifacts.c.digest, artifacts.c.pruned_because.label("because"))
)


def prune_at_run_end(connection: sa.Connection, run_id: str, status: RunStatus, *, at: datetime, actor: str) -> None:
    """Let go of what the run keeps no longer than until now; after all else that waits for somebody."""
    done_with = [RETAIN_NONE, RETAIN_UNTIL_SUCCESS] if status is RunStatus.SUCCEEDED else [RETAIN_NONE]
    gone = connection.execute(_LET_GO_AT_END, {"of_run": run_id, "done_with": done_with, "pruned_at": at}).all()
    messages = [{"run": run_id, **row._mapping} for row in sorted(gone)]
    add_gc_candidates(connection, {each["digest"] for each in messages})
    record_pruned(connection, messages, at=at, actor=actor)


def record_pruned(
    connection: sa.Connection, messages: Sequence[Mapping[str, str]], *, at: datetime, actor: str
) -> None:
    """Say which messages were let go of: run, artifact_id, digest and because of each."""
    for some in batched(messages):
        body = {"artifacts": [dict(each) for each in some]}
        event_rows.append(connection, actor=actor, kind=EventKind.CONTENTS_PRUNED, body=body, at=at)


def add_gc_candidates(connection: sa.Connection, digests: Collection[str]) -> None:
    """Say that an artifact keeps these contents no longer; somebody else may."""
    for some in batched(sorted(digests)):
        connection.execute(sa.select(blobs.c.size).where(blobs.c.digest.in_(some)).with_for_update())
        marks = [{"digest": digest, "generation": secrets.randbits(63)} for digest in some]
        connection.execute(upsert(connection, gc_candidates), marks)


def refuse_pruned_inputs(connection: sa.Connection, run_id: str) -> None:
    """Refuse to take a run up again that would have to read what it has let go of.

    Raises:
        RunError: names the artifact, and when and why its message was pruned.
    """
    of_run = sa.select(artifact_view).where(artifact_view.c.run_id == run_id).order_by(artifact_view.c.position)
    by_id = {row.artifact_id: row for row in connection.execute(of_run)}
    for row in by_id.values():
        inputs = () if row.status == ArtifactStatus.SUCCEEDED.value else row.inputs or ()
        pruned = next((each for each in inputs if by_id[each].pruned_at is not None), None)
        if pruned is not None:
            raise RunError(
                f"The run {run_id} cannot be taken up: '{row.artifact_id}' is made from '{pruned}', which was pruned"
                f" on {by_id[pruned].pruned_at:%Y-%m-%d} ({by_id[pruned].pruned_because})",
                remedy="Start a new run",
            )
