"""Contents in parts: each part is a blob of its own, which all contents that have it share.

1. `store_parts` writes the parts that are not stored yet, in short transactions, as candidates for garbage collection.
   If the process ends here, they are collected.
2. `store_content` writes the manifest in the transaction that refers to it. It locks the parts, removes them from the
   candidates, and writes those again that were collected meanwhile.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import sqlalchemy as sa

from waivern.database.blobs import blob_store
from waivern.database.blobs.blob import ENCRYPTED_CODECS, MANIFEST, TOMBSTONE, Blob, corrupt
from waivern.database.connection.batches import batched
from waivern.database.connection.engine import keyring_of
from waivern.database.connection.inserts import upsert
from waivern.database.schema.tables import blob_keys, blobs, gc_candidates
from waivern.errors import ContentUnavailableError, DatabaseUnavailableError
from waivern.messages.canonical import compress, decode_items
from waivern.messages.canonical_form import CanonicalForm, ContentInParts
from waivern.messages.parts import Manifest, Part

_BATCH = 500
_MAX_BATCH_BYTES = 4 * 1024 * 1024

_STORED = (
    sa.select(blobs.c.digest, blobs.c.codec, blob_keys.c.key_id)
    .outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest)
    .where(blobs.c.digest.in_(sa.bindparam("wanted", expanding=True)))
    .order_by(blobs.c.digest)
)
_LOCKED = _STORED.where(blobs.c.codec != TOMBSTONE).with_for_update(read=True, of=blobs)
_LOCKED_MANIFEST = (
    sa.select(blobs.c.codec)
    .where(blobs.c.digest == sa.bindparam("wanted"), blobs.c.codec == MANIFEST)
    .with_for_update(read=True)
)
_NO_CANDIDATES = sa.delete(gc_candidates).where(gc_candidates.c.digest.in_(sa.bindparam("wanted", expanding=True)))
_PARTS = (
    sa.select(*blob_store.STORED_COLUMNS)
    .select_from(blobs.outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest))
    .where(blobs.c.digest.in_(sa.bindparam("wanted", expanding=True)), blobs.c.codec != TOMBSTONE)
)

Submit = Callable[[Callable[[sa.Connection], None]], "Future[None]"]
"""Queues a function to be called in a transaction."""


def store_parts(engine: sa.Engine, content: ContentInParts, submit: Submit) -> None:
    """Write the parts of a content that are not stored yet."""
    with engine.connect() as connection:
        missing = _missing(connection, _digests(content.manifest), _STORED)
    if missing:
        for batch in _in_batches(_blobs_of(engine, content, missing)):
            submit(_writing(batch)).result()


def store_content(connection: sa.Connection, form: CanonicalForm, content: ContentInParts) -> None:
    """Write the manifest of a content unless it is stored; protect the content until the transaction commits."""
    if connection.execute(_LOCKED_MANIFEST, {"wanted": form.digest}).first() is not None:
        connection.execute(_NO_CANDIDATES, {"wanted": [form.digest]})
        return
    missing = set[str]()
    for batch in batched(sorted(_digests(content.manifest)), _BATCH):
        missing |= _missing(connection, batch, _LOCKED)
        connection.execute(_NO_CANDIDATES, {"wanted": batch})
    for blob in _blobs_of(connection, content, missing):
        blob_store.store(connection, blob)
    blob_store.store(connection, Blob.of(form))


def read_part(connection: sa.Connection, part: Part, *, subject: str) -> bytes:
    """Return the JSON of one part; raises as iterating over `StoredItems` does."""
    (found,) = _read_parts(connection, [part], subject=subject)
    return found


class StoredItems:
    """The items of a content in parts, which are read from the database when they are needed.

    Raises, when they are read:
        CorruptArtifactError: a part is missing, or is not what was saved; `subject` names the content in the message.
        EncryptionError: a part is encrypted under a key that is not available.
        ContentUnavailableError: the database cannot be reached.
    """

    memory_bytes = 0

    def __init__(self, engine: sa.Engine, parts: Sequence[Part], *, subject: str) -> None:
        self._engine = engine
        self._subject = subject
        self.parts = parts

    def __len__(self) -> int:
        return sum(part.items for part in self.parts)

    def __iter__(self) -> Iterator[Any]:
        for array in self.arrays():
            yield from decode_items(array)

    def frames(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        return map(compress, self.arrays(positions))

    def arrays(self, positions: Iterable[int] | None = None) -> Iterator[bytes]:
        wanted = self.parts if positions is None else [self.parts[position] for position in positions]
        for batch in _batches_of_parts(wanted):
            yield from self._read(batch)

    def _read(self, batch: Sequence[Part]) -> Sequence[bytes]:
        try:
            with self._engine.connect() as connection:
                return _read_parts(connection, batch, subject=self._subject)
        except DatabaseUnavailableError as error:  # which is no error of the component that reads the items
            raise ContentUnavailableError(error.happened, remedy=error.remedy) from error


def _digests(manifest: Manifest) -> set[str]:
    return {manifest.envelope.digest, *(part.digest for part in manifest.parts)}


def _missing(connection: sa.Connection, digests: Iterable[str], query: "sa.Select[Any]") -> set[str]:
    """Return which parts are not stored, were deleted, or are encrypted under a key that is not available."""
    keys, missing = keyring_of(connection), set[str]()
    for batch in batched(digests, _BATCH):
        rows = connection.execute(query, {"wanted": batch})
        stored = {
            row.digest
            for row in rows
            if row.codec != TOMBSTONE and (row.codec not in ENCRYPTED_CODECS or (row.key_id and keys.knows(row.key_id)))
        }
        missing |= set(batch) - stored
    return missing


def _blobs_of(database: sa.Engine | sa.Connection, content: ContentInParts, wanted: set[str]) -> Iterator[Blob]:
    """Yield the blobs of some parts of a content, each once, in the order of the content."""
    keys, remaining = keyring_of(database), set(wanted)
    envelope, positions = content.manifest.envelope, []
    for position, part in enumerate(content.manifest.parts):
        if part.digest in remaining:
            remaining.discard(part.digest)
            positions.append(position)
    for position, frame in zip(positions, content.items.frames(positions), strict=True):
        yield Blob.of_part(content.manifest.parts[position], frame).encrypted(keys)
    if envelope.digest in remaining:
        yield Blob.of_bytes(envelope.digest, content.envelope).encrypted(keys)


def _in_batches(found: Iterable[Blob]) -> Iterator[list[Blob]]:
    batch: list[Blob] = []
    size = 0
    for blob in found:
        batch.append(blob)
        size += len(blob.data)
        if size >= _MAX_BATCH_BYTES or len(batch) >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _writing(batch: Sequence[Blob]) -> Callable[[sa.Connection], None]:
    in_lock_order = sorted(batch, key=lambda blob: blob.digest)

    def write(connection: sa.Connection) -> None:
        blob_store.store_many(connection, in_lock_order)
        candidates = [
            {"digest": blob.digest, "generation": secrets.randbits(63), "keeps_results": False}
            for blob in in_lock_order
        ]
        connection.execute(upsert(connection, gc_candidates), candidates)

    return write


def _batches_of_parts(parts: Iterable[Part]) -> Iterator[list[Part]]:
    batch: list[Part] = []
    size = 0
    for part in parts:
        if batch and (size + part.size > _MAX_BATCH_BYTES or len(batch) >= _BATCH):
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += part.size
    if batch:
        yield batch


def _read_parts(connection: sa.Connection, parts: Sequence[Part], *, subject: str) -> list[bytes]:
    keys, found = keyring_of(connection), dict[str, bytes]()
    for row in connection.execute(_PARTS, {"wanted": list({part.digest for part in parts})}).all():
        blob = blob_store.read(connection, row, subject=subject).decrypted(keys, subject=subject)
        found[row.digest] = blob.whole(subject=subject)
    missing = next((part.digest for part in parts if part.digest not in found), None)
    if missing is not None:
        raise corrupt(subject, f"its part {missing} is missing")
    return [found[part.digest] for part in parts]
