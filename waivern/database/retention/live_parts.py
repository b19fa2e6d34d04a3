"""Which parts are in use: those in the manifest of a content that an artifact keeps."""

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from waivern.database.blobs.blob import MANIFEST
from waivern.database.blobs.blob_store import STORED_COLUMNS, read
from waivern.database.connection.batches import batched
from waivern.database.retention.retention_rules import add_gc_candidates, holds_any_of
from waivern.database.schema.tables import artifacts, blob_keys, blobs
from waivern.errors import CorruptArtifactError
from waivern.messages.parts import Manifest

_MANIFESTS = (
    sa.select(*STORED_COLUMNS)
    .select_from(blobs.outerjoin(blob_keys, blob_keys.c.digest == blobs.c.digest))
    .where(blobs.c.codec == MANIFEST)
)
_MANIFEST_DIGESTS = sa.select(blobs.c.digest).where(blobs.c.codec == sa.literal_column(f"'{MANIFEST}'"))
_READ_SIZE = 16


def parts_in_use(connection: sa.Connection, digests: Collection[str]) -> set[str]:
    """Return which of these blobs are parts of contents that artifacts keep; all of them if a manifest is damaged."""
    unseen, used = set(digests), set[str]()
    if not unseen:
        return used
    try:
        for _, manifest in kept_manifests(connection):
            used |= unseen & digests_in(manifest)
            unseen -= used
            if not unseen:
                break
    except CorruptArtifactError:  # `waivern verify` reports it; until then, no part is deleted
        return set(digests)
    return used


def parts_only_of(connection: sa.Connection, digests: Collection[str]) -> set[str]:
    """Return the parts of these contents that no other content has which an artifact keeps."""
    parts = {part for _, manifest in manifests_of(connection, digests) for part in digests_in(manifest)}
    for digest, manifest in kept_manifests(connection) if parts else ():
        if digest not in digests:
            parts -= digests_in(manifest)
    return parts


def release_parts(connection: sa.Connection, digests: Collection[str], *, keeps_results: bool = False) -> None:
    """Mark the parts of manifests that are about to be deleted for garbage collection; other contents may have them."""
    released = {part for _, manifest in manifests_of(connection, digests) for part in digests_in(manifest)}
    for batch in batched(sorted(released)):
        stored = connection.scalars(sa.select(blobs.c.digest).where(blobs.c.digest.in_(batch)))
        add_gc_candidates(connection, stored.all(), keeps_results=keeps_results)


def kept_manifests(connection: sa.Connection) -> Iterator[tuple[str, Manifest]]:
    """Yield digest and manifest of all contents in parts that artifacts keep; raises as `manifests_of`."""
    for digests in batched(connection.scalars(_MANIFEST_DIGESTS).all()):
        kept = connection.scalars(sa.select(artifacts.c.digest).distinct().where(holds_any_of(digests)))
        yield from manifests_of(connection, [str(digest) for digest in kept])


def manifests_of(connection: sa.Connection, digests: Collection[str]) -> Iterator[tuple[str, Manifest]]:
    """Yield digest and manifest of those of these contents that are stored in parts; a few are in memory at a time.

    Raises:
        CorruptArtifactError: a manifest is not what was saved.
    """
    for batch in batched(sorted(digests), _READ_SIZE):
        for row in connection.execute(_MANIFESTS.where(blobs.c.digest.in_(batch))).all():
            subject = f"the content {row.digest}"
            yield row.digest, read(connection, row, subject=subject).manifest(subject=subject)


def digests_in(manifest: Manifest) -> set[str]:
    """Return the digests of the envelope and of all parts."""
    return {manifest.envelope.digest, *(part.digest for part in manifest.parts)}
