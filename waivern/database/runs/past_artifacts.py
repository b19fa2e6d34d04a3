"""What earlier runs made: their messages, and which of them a `reuse` means."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from waivern.artifacts.store import PastArtifact, PastArtifacts
from waivern.database.runs.artifact_store import STORED, message_of, parts_of
from waivern.database.schema.artifact_view import artifact_view, run_number_of
from waivern.database.schema.tables import artifacts, runs
from waivern.errors import ArtifactNotFoundError, PrunedArtifactError, RunError
from waivern.history.run_history import LATEST, RunHistory
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runs.run import ArtifactStatus, RunStatus

_FOUND = sa.select(*(artifact_view.c[name] for name in ("artifact_id", "schema", "pruned_at", "pruned_because")))


class SqlPastArtifacts(PastArtifacts):
    """What earlier runs made, read through the history."""

    def __init__(self, engine: sa.Engine, history: RunHistory) -> None:
        self._engine = engine
        self._history = history

    def find(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        run_id = self._newest(runbook, artifact_id) if from_run == LATEST else self._history.find(from_run).id
        with self._engine.connect() as connection:
            found = connection.execute(_FOUND.where(*_made_by(run_id, artifact_id))).first()
            if found is None:
                raise ArtifactNotFoundError(artifact_id, _made_in(connection, run_id))
        if found.pruned_at is not None:
            raise PrunedArtifactError(
                f"artifact '{found.artifact_id}' of run {run_id}",
                at=found.pruned_at,
                because=found.pruned_because,
            )
        return PastArtifact(run_id, found.artifact_id, Schema.parse(found.schema))

    def get(self, past: PastArtifact) -> Message:
        with self._engine.connect() as connection:
            return made_message(connection, past.run_id, past.artifact_id)

    def _newest(self, runbook: str, artifact_id: str) -> str:
        newest = (
            sa.select(runs.c.id)
            .where(runs.c.runbook_name == runbook, runs.c.status == RunStatus.SUCCEEDED.value)
            .where(runs.c.reanalysis_of.is_(None))
            .where(sa.exists().where(*_made(runs.c.number, artifact_id)))
            .order_by(runs.c.created_at.desc(), runs.c.id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            run_id = connection.execute(newest).scalar_one_or_none()
        if run_id is None:
            raise RunError(
                f"No run of '{runbook}' has succeeded and made '{artifact_id}' yet, so `from_run: latest` names none",
                remedy="Run it once with a source in place of `reuse`, or name a run by its id",
            )
        return str(run_id)


def made_message(connection: sa.Connection, run_id: str, artifact: str) -> Message:
    """Return the message of an artifact that a run made, by its id or by another name of it.

    Raises:
        ArtifactNotFoundError: the run made no such artifact; names those it made.
        CorruptArtifactError: what is stored is not what was saved.
    """
    row, what = _stored(connection, run_id, artifact)
    return message_of(connection, row, what=what)


def made_parts(connection: sa.Connection, run_id: str, artifact: str) -> Iterator[bytes]:
    """Return the parts in which the content of an artifact is stored that a run made; a small one is a part by itself.

    Raises:
        As `made_message`.
    """
    row, what = _stored(connection, run_id, artifact)
    return parts_of(connection, row, what=what)


def _stored(connection: sa.Connection, run_id: str, artifact: str) -> tuple[Any, str]:
    """The row of what an artifact holds, and whose it is in words."""
    wanted = _aliased(connection, run_id, artifact) or artifact
    row = connection.execute(STORED.where(*_made(run_number_of(run_id), wanted))).first()
    if row is None:
        raise ArtifactNotFoundError(artifact, _made_in(connection, run_id))
    return row, f"artifact '{wanted}' of run {run_id}"


def _aliased(connection: sa.Connection, run_id: str, alias: str) -> str | None:
    aliased = sa.select(artifact_view.c.artifact_id, artifact_view.c.aliases).where(
        artifact_view.c.run_id == run_id, artifact_view.c.aliases.is_not(None)
    )
    return next((row.artifact_id for row in connection.execute(aliased) if alias in row.aliases), None)


def _made(run_number: Any, artifact_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        artifacts.c.run_number == run_number,
        artifacts.c.artifact_id == artifact_id,
        artifacts.c.status == ArtifactStatus.SUCCEEDED.value,
    )


def _made_by(run_id: str, artifact_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        artifact_view.c.run_id == run_id,
        artifact_view.c.artifact_id == artifact_id,
        artifact_view.c.status == ArtifactStatus.SUCCEEDED.value,
    )


def _made_in(connection: sa.Connection, run_id: str) -> list[str]:
    made = (
        sa.select(artifact_view.c.artifact_id)
        .where(artifact_view.c.run_id == run_id, artifact_view.c.status == ArtifactStatus.SUCCEEDED.value)
        .order_by(artifact_view.c.position)
    )
    return list(connection.scalars(made))
