"""The artifacts of earlier runs: their messages, and which of them a `reuse:` means."""

from typing import Any

import sqlalchemy as sa

from waivern.artifacts.store import PastArtifact
from waivern.database.runs.artifact_store import STORED_MESSAGES, message_of
from waivern.database.schema.artifact_view import artifact_view, run_number_of
from waivern.database.schema.tables import artifacts, runs
from waivern.errors import ArtifactNotFoundError, PrunedArtifactError, RunError
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runs.run import ArtifactStatus, RunStatus

_FOUND = sa.select(*(artifact_view.c[name] for name in ("artifact_id", "schema", "pruned_at", "pruned_because")))


def find_succeeded(connection: sa.Connection, run_id: str, artifact_id: str) -> PastArtifact:
    """Return an artifact that the run has produced.

    Raises:
        ArtifactNotFoundError: the run has produced no such artifact; names those that it has.
        PrunedArtifactError: the artifact's message was deleted.
    """
    found = connection.execute(_FOUND.where(*_succeeded_artifact(run_id, artifact_id))).first()
    if found is None:
        raise ArtifactNotFoundError(artifact_id, _succeeded_in(connection, run_id))
    if found.pruned_at is not None:
        raise PrunedArtifactError(
            f"artifact '{found.artifact_id}' of run {run_id}", at=found.pruned_at, reason=found.pruned_because
        )
    return PastArtifact(run_id, found.artifact_id, Schema.parse(found.schema))


def newest_run_with(connection: sa.Connection, runbook: str, artifact_id: str) -> str:
    """Return the id of the newest succeeded run of the runbook, without reanalyses, that has the artifact.

    Raises:
        RunError: there is none.
    """
    newest = (
        sa.select(runs.c.id)
        .where(runs.c.runbook_name == runbook, runs.c.status == RunStatus.SUCCEEDED.value)
        .where(runs.c.reanalysis_of.is_(None))
        .where(sa.exists().where(*_succeeded(runs.c.number, artifact_id)))
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(1)
    )
    run_id = connection.execute(newest).scalar_one_or_none()
    if run_id is None:
        raise RunError(
            f"`from_run: latest` names no run: no run of '{runbook}' has succeeded and produced '{artifact_id}'",
            remedy="Run it once with a source instead of `reuse`, or name a run by its id",
        )
    return str(run_id)


def saved_message(connection: sa.Connection, run_id: str, artifact: str) -> Message:
    """Return the message of an artifact that a run has produced, by its id or an alias.

    Raises:
        ArtifactNotFoundError: the run has produced no such artifact; names those that it has.
        CorruptArtifactError: the stored content does not match its digest.
    """
    row, subject = _stored(connection, run_id, artifact)
    return message_of(connection, row, subject=subject)


def _stored(connection: sa.Connection, run_id: str, artifact: str) -> tuple[Any, str]:
    """The row of the stored message, and a description of the artifact for errors."""
    artifact_id = _artifact_with_alias(connection, run_id, artifact) or artifact
    row = connection.execute(STORED_MESSAGES.where(*_succeeded(run_number_of(run_id), artifact_id))).first()
    if row is None:
        raise ArtifactNotFoundError(artifact, _succeeded_in(connection, run_id))
    return row, f"artifact '{artifact_id}' of run {run_id}"


def _artifact_with_alias(connection: sa.Connection, run_id: str, alias: str) -> str | None:
    with_aliases = sa.select(artifact_view.c.artifact_id, artifact_view.c.aliases).where(
        artifact_view.c.run_id == run_id, artifact_view.c.aliases.is_not(None)
    )
    return next((row.artifact_id for row in connection.execute(with_aliases) if alias in row.aliases), None)


def _succeeded(run_number: Any, artifact_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        artifacts.c.run_number == run_number,
        artifacts.c.artifact_id == artifact_id,
        artifacts.c.status == ArtifactStatus.SUCCEEDED.value,
    )


def _succeeded_artifact(run_id: str, artifact_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        artifact_view.c.run_id == run_id,
        artifact_view.c.artifact_id == artifact_id,
        artifact_view.c.status == ArtifactStatus.SUCCEEDED.value,
    )


def _succeeded_in(connection: sa.Connection, run_id: str) -> list[str]:
    made = (
        sa.select(artifact_view.c.artifact_id)
        .where(artifact_view.c.run_id == run_id, artifact_view.c.status == ArtifactStatus.SUCCEEDED.value)
        .order_by(artifact_view.c.position)
    )
    return list(connection.scalars(made))
