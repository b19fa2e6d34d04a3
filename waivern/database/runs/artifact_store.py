"""The artifacts of one run in the database; a message and its artifact's `succeeded` are one transaction."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from waivern.artifacts.cached_message import CachedMessage
from waivern.artifacts.store import ArtifactStore
from waivern.database.blobs import blob_store as blobs
from waivern.database.blobs.blob import Blob
from waivern.database.connection.engine import keyring_of
from waivern.database.findings.finding_rows import FindingSnapshot, record
from waivern.database.retention.retention_rules import HAS_CONTENT, add_gc_candidates
from waivern.database.runs.run_writer import RunWriter
from waivern.database.schema.artifact_view import (
    DECLARATION_JOIN,
    change_declaration,
    intern_declarations,
    intern_overviews,
)
from waivern.database.schema.tables import artifact_declarations, artifacts, blob_keys
from waivern.database.schema.tables import blobs as blobs_table
from waivern.errors import ArtifactNotFoundError, ArtifactStoreError, PrunedArtifactError
from waivern.messages.canonical import CanonicalForm
from waivern.messages.compressed_items import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.overview import overview_of
from waivern.messages.schema import Schema
from waivern.runs.run import ArtifactStatus, utc_now

_LOOKED_UP_FROM = 16 * 1024
_REMEMBERED_BYTES = 48 * 1024 * 1024

_OF_RUN = artifacts.c.run_number == sa.bindparam("of_run")
_OF_ARTIFACT = (_OF_RUN, artifacts.c.artifact_id == sa.bindparam("of_artifact"))
_OF_RUN_SUCCEEDED = (
    _OF_RUN,
    artifacts.c.status == ArtifactStatus.SUCCEEDED.value,
)
_SUCCEEDED = (
    sa.update(artifacts)
    .where(*_OF_ARTIFACT)
    .values(
        save_order=sa.func.coalesce(artifacts.c.save_order, sa.bindparam("next_position", type_=sa.Integer)),
        skip_reason=None,
        skipped_because=None,
        error=None,
        pruned_at=None,
        pruned_because=None,
    )
)
_SUCCEEDED_FIRST = _SUCCEEDED.where(
    (artifacts.c.status != ArtifactStatus.SUCCEEDED.value)
    | (artifacts.c.digest == sa.bindparam("of_digest", type_=artifacts.c.digest.type))
)
_HELD_BEFORE = sa.select(artifacts.c.digest).where(*_OF_ARTIFACT, *HAS_CONTENT)
_HELD = sa.select(artifacts.c.digest).where(*_OF_RUN_SUCCEEDED, *HAS_CONTENT)
_FORGET = (
    sa.update(artifacts)
    .where(*_OF_RUN_SUCCEEDED)
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
STORED = sa.select(
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
_STORED_ONE = STORED.where(*_OF_ARTIFACT)
_SAVED = sa.select(artifacts.c.artifact_id).where(*_OF_RUN_SUCCEEDED).order_by(artifacts.c.save_order)
_EXISTS = sa.select(artifacts.c.artifact_id).where(*_OF_ARTIFACT, artifacts.c.status == ArtifactStatus.SUCCEEDED.value)
_NEXT_POSITION = sa.select(sa.func.coalesce(sa.func.max(artifacts.c.save_order), 0) + 1).where(_OF_RUN)
_SCHEMAS = sa.select(artifacts.c.artifact_id, artifact_declarations.c.schema).where(_OF_RUN, DECLARATION_JOIN)

_UNPLANNED = {"kind": "unplanned", "output": False, "optional": False}


class SqlArtifactStore(ArtifactStore):
    """Keeps each content once, whatever the number of runs that made it; `save` returns when it is committed.

    Args:
        engine: Reads go over connections of this; safe for many threads.
        writer: Writes go through this, in the name of its run.
    """

    def __init__(self, engine: sa.Engine, writer: RunWriter) -> None:
        self._engine = engine
        self._writer = writer
        self._recent = _RecentContents(_REMEMBERED_BYTES)
        self._next_position: int | None = None
        self._schemas: dict[str, str | None] | None = None  # as declared; none: to be read

    def save(self, artifact_id: str, message: Message) -> None:
        form = message.canonical_form()
        blob = None if self._has(form.digest, form.size) else self._packed(form)
        found = FindingSnapshot.of(message, form.digest)
        values, schema = self._values(artifact_id, message, form.digest), str(message.schema)
        try:
            self._writer.submit(
                lambda connection: self._write(connection, values, schema, form, blob, found), key=artifact_id
            ).result()
        except sa.exc.DBAPIError as error:  # of this one message: what concerns all of the database is a DatabaseError
            raise ArtifactStoreError(f"The database refuses the message of '{artifact_id}': {error.orig}") from error
        self._recent.put(artifact_id, message, form.whole)

    def get(self, artifact_id: str) -> Message:
        recent = self._recent.get(artifact_id)
        if recent is not None:
            return recent
        with self._engine.connect() as connection:
            row = connection.execute(_STORED_ONE, self._named(artifact_id)).first()
            if row is not None:
                return message_of(connection, row, what=f"artifact '{artifact_id}' of run {self._writer.run_id}")
        raise ArtifactNotFoundError(artifact_id, self.list_artifacts())

    def exists(self, artifact_id: str) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(_EXISTS, self._named(artifact_id)).first() is not None

    def list_artifacts(self) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(_SAVED, {"of_run": self._writer.run_number}))

    def clear(self) -> None:
        def forget(connection: sa.Connection) -> None:
            held = connection.scalars(_HELD, self._of_run).all()
            connection.execute(_FORGET, self._of_run)
            add_gc_candidates(connection, set(held))

        self._writer.submit(forget).result()
        self._recent.clear()

    def _values(self, artifact_id: str, message: Message, digest: str) -> dict[str, Any]:
        overview = overview_of(message)
        values = {
            "of_run": self._writer.run_number,
            "of_artifact": artifact_id,
            "status": ArtifactStatus.SUCCEEDED.value,
            "epoch": self._writer.epoch,
            "ended_at": utc_now(),
            "message_id": message.id or None,
            "message_context": None if message.context is None else dict(message.context),
            "overview": None if overview is None else overview.as_json(),
            "digest": digest,
        }
        if artifact_id in self._writer.started_at:  # the note that says so may be left out then
            values["started_at"] = self._writer.started_at.pop(artifact_id)
        return values

    def _packed(self, form: CanonicalForm) -> Blob:
        return Blob.of(form).encrypted(keyring_of(self._engine))

    def _has(self, digest: str, size: int) -> bool:
        """Say whether the content is stored; not worth asking where packing it costs less than the question."""
        if size < _LOOKED_UP_FROM:
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
        found: FindingSnapshot | None,
    ) -> None:
        run_id, artifact_id = self._writer.run_id, values["of_artifact"]
        if blob is not None:
            blobs.store(connection, blob)
        else:
            blobs.protect(connection, form.digest, lambda: self._packed(form))
        if self._next_position is None:
            self._next_position = connection.execute(_NEXT_POSITION, self._of_run).scalar_one()
        self._see_to_its_row(connection, artifact_id, schema, self._next_position)
        seq = None if found is None else record(connection, run_id, artifact_id, found, at=values["ended_at"])
        (overview_id,) = intern_overviews(connection, [values["overview"]])
        saved = {**values, "overview_id": overview_id, "snapshot_seq": seq, "next_position": self._next_position}
        del saved["overview"]
        if connection.execute(_SUCCEEDED_FIRST, {**saved, "of_digest": form.digest}).rowcount == 0:
            self._write_over(connection, saved)
        self._next_position += 1

    def _write_over(self, connection: sa.Connection, saved: Mapping[str, Any]) -> None:
        """Save what was saved before with another content, which nobody may keep now."""
        before = connection.scalars(_HELD_BEFORE, self._named(saved["of_artifact"])).all()
        connection.execute(_SUCCEEDED, saved)
        add_gc_candidates(connection, before)

    def _see_to_its_row(self, connection: sa.Connection, artifact_id: str, schema: str, position: int) -> None:
        """Declare it here where no plan did so, or another schema: somebody uses the store by itself."""
        if self._schemas is None:
            self._schemas = {row.artifact_id: row.schema for row in connection.execute(_SCHEMAS, self._of_run)}
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
        self._schemas = None  # read again when it is sure that this stays written

    @property
    def _of_run(self) -> dict[str, int]:
        return {"of_run": self._writer.run_number}

    def _named(self, artifact_id: str) -> dict[str, Any]:
        return {**self._of_run, "of_artifact": artifact_id}


def message_of(connection: sa.Connection, row: Any, *, what: str) -> Message:
    """Return the message of a row of `STORED`.

    Raises:
        PrunedArtifactError: it is not kept any more.
        CorruptArtifactError: what is stored is not what was saved.
        EncryptionError: it is encrypted under a key that is not known.
    """
    blob, name, schema = _kept(connection, row, what), row.message_id or "", Schema.parse(row.schema)
    packed = blob.compressed_items(subject=what)
    if packed is not None:
        return CompressedMessage(name, *packed, schema, row.message_context)
    return Message(name, blob.content(subject=what), schema, row.message_context)


def parts_of(connection: sa.Connection, row: Any, *, what: str) -> Iterator[bytes]:
    """Yield the parts of the message of a row of `STORED`; raises what `message_of` does."""
    return _kept(connection, row, what).parts(subject=what)


def _kept(connection: sa.Connection, row: Any, what: str) -> Blob:
    if row.pruned_at is not None:
        raise PrunedArtifactError(what, at=row.pruned_at, reason=row.pruned_because)
    return blobs.read(connection, row, subject=what).decrypted(keyring_of(connection), subject=what)


class _RecentContents:
    """What was saved last, up to a number of bytes: it is most likely what is read next."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._contents: OrderedDict[str, CachedMessage] = OrderedDict()
        self._changing = threading.Lock()

    def put(self, artifact_id: str, message: Message, canonical: bytes | None) -> None:
        """Remember a message; where its canonical bytes are too many to be given, only if it is packed."""
        is_small = canonical is not None or isinstance(message, CompressedMessage)
        held = CachedMessage.from_message(message, canonical) if is_small else None
        with self._changing:
            self._drop(artifact_id)
            if held is None:
                return
            self._contents[artifact_id] = held
            self._held_bytes += held.size
            while self._held_bytes > self._most_bytes:
                self._drop(next(iter(self._contents)))

    def get(self, artifact_id: str) -> Message | None:
        with self._changing:
            held = self._contents.get(artifact_id)
        return None if held is None else held.message()

    def clear(self) -> None:
        with self._changing:
            self._contents.clear()
            self._held_bytes = 0

    def _drop(self, artifact_id: str) -> None:
        dropped = self._contents.pop(artifact_id, None)
        if dropped is not None:
            self._held_bytes -= dropped.size
