"""The artifacts of one run in the database; a message and its artifact's `succeeded` are one transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from waivern.artifacts.store import ArtifactStore
from waivern.database.blobs import blob_store as blobs
from waivern.database.blobs.blob import MANIFEST, Blob
from waivern.database.blobs.part_store import StoredItems, read_part, store_content, store_parts
from waivern.database.connection.engine import keyring_of
from waivern.database.findings.finding_rows import FindingSnapshot
from waivern.database.retention.retention_rules import HAS_CONTENT, add_gc_candidates
from waivern.database.runs.recent_messages import RecentMessages
from waivern.database.runs.run_writer import RunWriter
from waivern.database.runs.snapshot_writer import Record, SnapshotWriter
from waivern.database.schema.artifact_view import (
    DECLARATION_JOIN,
    change_declaration,
    intern_declarations,
    intern_overviews,
)
from waivern.database.schema.tables import artifact_declarations, artifacts, blob_keys
from waivern.database.schema.tables import blobs as blobs_table
from waivern.errors import ArtifactNotFoundError, ArtifactStoreError, PrunedArtifactError, WaivernError, text_of
from waivern.messages.canonical import content_of
from waivern.messages.canonical_form import CanonicalForm
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.overview import overview_of
from waivern.messages.schema import Schema
from waivern.runs.run import ArtifactStatus, utc_now

_MIN_LOOKUP_BYTES = 16 * 1024
_MAX_CACHED_BYTES = 48 * 1024 * 1024

_IN_RUN = artifacts.c.run_number == sa.bindparam("key_run")
_ONE_ARTIFACT = (_IN_RUN, artifacts.c.artifact_id == sa.bindparam("key_artifact"))
_SUCCEEDED_IN_RUN = (
    _IN_RUN,
    artifacts.c.status == ArtifactStatus.SUCCEEDED.value,
)
_MARK_SUCCEEDED = (
    sa.update(artifacts)
    .where(*_ONE_ARTIFACT)
    .values(
        save_order=sa.func.coalesce(artifacts.c.save_order, sa.bindparam("next_save_order", type_=sa.Integer)),
        skip_reason=None,
        skipped_because=None,
        error=None,
        pruned_at=None,
        pruned_because=None,
    )
)
_MARK_SUCCEEDED_IF_SAME = _MARK_SUCCEEDED.where(
    (artifacts.c.status != ArtifactStatus.SUCCEEDED.value)
    | (artifacts.c.digest == sa.bindparam("saved_digest", type_=artifacts.c.digest.type))
)
_DIGEST_OF_ONE = sa.select(artifacts.c.digest).where(*_ONE_ARTIFACT, *HAS_CONTENT)
_DIGESTS_IN_RUN = sa.select(artifacts.c.digest).where(*_SUCCEEDED_IN_RUN, *HAS_CONTENT)
_RESET = (
    sa.update(artifacts)
    .where(*_SUCCEEDED_IN_RUN)
    .values(
        status=ArtifactStatus.PENDING.value,
        digest=None,
        overview_id=None,
        save_order=None,
        snapshot_seq=None,
        pruned_at=None,
        pruned_because=None,
    )
)
STORED_MESSAGES = sa.select(
    artifacts.c.message_id,
    artifacts.c.message_context,
    artifact_declarations.c.schema,
    artifacts.c.pruned_at,
    artifacts.c.pruned_because,
    *blobs.STORED_COLUMNS,
).select_from(
    artifacts.join(artifact_declarations, DECLARATION_JOIN)
    .join(blobs_table, artifacts.c.digest == blobs_table.c.digest)
    .outerjoin(blob_keys, blob_keys.c.digest == blobs_table.c.digest)
)
_STORED_ARTIFACT = STORED_MESSAGES.where(*_ONE_ARTIFACT)
_SAVED_IDS = sa.select(artifacts.c.artifact_id).where(*_SUCCEEDED_IN_RUN).order_by(artifacts.c.save_order)
_EXISTS = sa.select(artifacts.c.artifact_id).where(*_ONE_ARTIFACT, artifacts.c.status == ArtifactStatus.SUCCEEDED.value)
_NEXT_SAVE_ORDER = sa.select(sa.func.coalesce(sa.func.max(artifacts.c.save_order), 0) + 1).where(_IN_RUN)
_SCHEMAS = sa.select(artifacts.c.artifact_id, artifact_declarations.c.schema).where(_IN_RUN, DECLARATION_JOIN)

_UNPLANNED = {"kind": "unplanned", "output": False, "optional": False}


class SqlArtifactStore(ArtifactStore):
    """Stores each content once, however many runs have produced it; `save` returns when it is committed.

    Args:
        engine: The database; each read uses a connection of its own, so reads are safe from many threads.
        writer: Writes for the run.
    """

    def __init__(self, engine: sa.Engine, writer: RunWriter) -> None:
        self._engine = engine
        self._writer = writer
        self._snapshots = SnapshotWriter(engine, writer)
        self._recent = RecentMessages(_MAX_CACHED_BYTES)
        self._next_save_order: int | None = None
        self._schemas: dict[str, str | None] | None = None  # as declared; None: to be read

    def save(self, artifact_id: str, message: Message) -> None:
        with _storage_errors(artifact_id):
            form = message.canonical_form()
            is_stored = self._is_stored(form.digest, form.size)
            blob = None if is_stored or form.parts is not None else self._encrypted_blob(form)
            snapshot = FindingSnapshot.of(message, form.digest)
            values, schema = self._values(artifact_id, message, form.digest), str(message.schema)
            if form.parts is not None and not is_stored:
                store_parts(self._engine, form.parts, self._writer.submit)

            def commit(record: Record) -> None:
                self._writer.submit(
                    lambda connection: self._write(connection, values, schema, form, blob, record), key=artifact_id
                ).result()

            self._snapshots.save(artifact_id, snapshot, at=values["ended_at"], commit=commit)
        self._recent.put(artifact_id, message, form.whole)

    def get(self, artifact_id: str) -> Message:
        recent = self._recent.get(artifact_id)
        if recent is not None:
            return recent
        with self._engine.connect() as connection:
            row = connection.execute(_STORED_ARTIFACT, self._key(artifact_id)).first()
            if row is not None:
                return message_of(connection, row, subject=f"artifact '{artifact_id}' of run {self._writer.run_id}")
        raise ArtifactNotFoundError(artifact_id, self.list_artifacts())

    def exists(self, artifact_id: str) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(_EXISTS, self._key(artifact_id)).first() is not None

    def list_artifacts(self) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(_SAVED_IDS, {"key_run": self._writer.run_number}))

    def clear(self) -> None:
        def reset(connection: sa.Connection) -> None:
            digests = connection.scalars(_DIGESTS_IN_RUN, self._run).all()
            connection.execute(_RESET, self._run)
            add_gc_candidates(connection, set(digests))

        self._writer.submit(reset).result()
        self._recent.clear()

    def _values(self, artifact_id: str, message: Message, digest: str) -> dict[str, Any]:
        overview = overview_of(message)
        values = {
            "key_run": self._writer.run_number,
            "key_artifact": artifact_id,
            "status": ArtifactStatus.SUCCEEDED.value,
            "epoch": self._writer.epoch,
            "ended_at": utc_now(),
            "message_id": message.id or None,
            "message_context": None if message.context is None else dict(message.context),
            "overview": None if overview is None else overview.as_json(),
            "digest": digest,
        }
        if artifact_id in self._writer.started_at:  # then the change to `running` may be left out
            values["started_at"] = self._writer.started_at.pop(artifact_id)
        return values

    def _encrypted_blob(self, form: CanonicalForm) -> Blob:
        return Blob.of(form).encrypted(keyring_of(self._engine))

    def _is_stored(self, digest: str, size: int) -> bool:
        """Return whether the content is stored; False without asking if compressing it is cheaper."""
        if size < _MIN_LOOKUP_BYTES:
            return False
        with self._engine.connect() as connection:
            return blobs.exists(connection, digest)

    def _write(
        self,
        connection: sa.Connection,
        values: Mapping[str, Any],
        schema: str,
        form: CanonicalForm,
        blob: Blob | None,
        record: Record,
    ) -> None:
        artifact_id = values["key_artifact"]
        if form.parts is not None:
            store_content(connection, form, form.parts)
        elif blob is not None:
            blobs.store(connection, blob)
        else:
            blobs.protect(connection, form.digest, lambda: self._encrypted_blob(form))
        if self._next_save_order is None:
            self._next_save_order = connection.execute(_NEXT_SAVE_ORDER, self._run).scalar_one()
        self._ensure_declared(connection, artifact_id, schema, self._next_save_order)
        seq = record(connection)
        (overview_id,) = intern_overviews(connection, [values["overview"]])
        saved = {**values, "overview_id": overview_id, "snapshot_seq": seq, "next_save_order": self._next_save_order}
        del saved["overview"]
        if connection.execute(_MARK_SUCCEEDED_IF_SAME, {**saved, "saved_digest": form.digest}).rowcount == 0:
            self._replace(connection, saved)
        self._next_save_order += 1

    def _replace(self, connection: sa.Connection, saved: Mapping[str, Any]) -> None:
        """Replace a message that was saved with different content, whose blob may be garbage now."""
        before = connection.scalars(_DIGEST_OF_ONE, self._key(saved["key_artifact"])).all()
        connection.execute(_MARK_SUCCEEDED, saved)
        add_gc_candidates(connection, before)

    def _ensure_declared(self, connection: sa.Connection, artifact_id: str, schema: str, position: int) -> None:
        """Declare an artifact that is not in the plan, or has another schema: the store may be used without a plan."""
        if self._schemas is None:
            self._schemas = {row.artifact_id: row.schema for row in connection.execute(_SCHEMAS, self._run)}
        if self._schemas.get(artifact_id) == schema:
            return
        if artifact_id in self._schemas:
            change_declaration(connection, self._writer.run_number, artifact_id, schema=schema)
        else:
            (declaration_id,) = intern_declarations(
                connection, [{**_UNPLANNED, "position": position, "schema": schema}]
            )
            row = {"run_number": self._writer.run_number, "artifact_id": artifact_id, "declaration_id": declaration_id}
            connection.execute(
                sa.insert(artifacts), {**row, "status": ArtifactStatus.PENDING.value, "epoch": self._writer.epoch}
            )
        self._schemas = None  # read again after this transaction, which may be rolled back

    @property
    def _run(self) -> dict[str, int]:
        return {"key_run": self._writer.run_number}

    def _key(self, artifact_id: str) -> dict[str, Any]:
        return {**self._run, "key_artifact": artifact_id}


@contextmanager
def _storage_errors(artifact_id: str) -> Iterator[None]:
    """Raise an `ArtifactStoreError` for everything that is wrong with a message, which may hold anything.

    Errors of the database and of the run itself are `WaivernError`s already.
    """
    try:
        yield
    except WaivernError:
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error  # SQLAlchemy's own text repeats the statement
        raise ArtifactStoreError(
            f"The message of '{artifact_id}' cannot be stored: {type(cause).__name__}: {text_of(cause)}",
            remedy="Correct the component that returned it",
        ) from error


def message_of(connection: sa.Connection, row: Any, *, subject: str) -> Message:
    """Return the message of a row of `STORED_MESSAGES`. Items of a content in parts are read when they are needed.

    Raises:
        PrunedArtifactError: its content was deleted.
        CorruptArtifactError: the stored content does not match its digest.
        EncryptionError: it is encrypted with an unknown key.
    """
    blob, name, schema = _blob_of(connection, row, subject), row.message_id or "", Schema.parse(row.schema)
    if blob.codec == MANIFEST:
        manifest = blob.manifest(subject=subject)
        envelope = content_of(read_part(connection, manifest.envelope, subject=subject))
        items = StoredItems(connection.engine, manifest.parts, subject=subject)
        return CompressedMessage(name, envelope, manifest.key, items, schema, row.message_context)
    compressed = blob.compressed_items(subject=subject)
    if compressed is not None:
        return CompressedMessage(name, *compressed, schema, row.message_context)
    return Message(name, blob.content(subject=subject), schema, row.message_context)


def _blob_of(connection: sa.Connection, row: Any, subject: str) -> Blob:
    if row.pruned_at is not None:
        raise PrunedArtifactError(subject, at=row.pruned_at, reason=row.pruned_because)
    return blobs.read(connection, row, subject=subject).decrypted(keyring_of(connection), subject=subject)
