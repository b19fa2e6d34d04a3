"""The rows and contents of an archive, none of which is trusted: what they may be is checked before any is written."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from waivern.database.archive.archive_rows import Rows, row_from_json
from waivern.database.blobs.blob import MANIFEST, TOMBSTONE, Blob
from waivern.database.connection.keyring import KeyRing, WrappedKey
from waivern.database.retention.live_parts import digests_in
from waivern.database.schema.artifact_view import artifact_view
from waivern.database.schema.tables import artifact_attempts, blob_keys, blobs, run_attempts, run_gates, runs
from waivern.errors import ArchiveError, CorruptArtifactError
from waivern.formats.archive_file import ArchiveReader
from waivern.runs.run import RunStatus

WITH_RUN_ID = (artifact_view, run_attempts, artifact_attempts, run_gates)
"""The tables with a `run_id`, in an order in which their rows can be inserted."""

ARCHIVED_TABLES = frozenset(
    {
        *("runbooks", "schedules", "runs", "blobs", "blob_keys", "decisions", "events", "imported_events"),
        *("finding_streams", "finding_snapshots", "findings"),
        *(table.name for table in WITH_RUN_ID),
    }
)
"""The tables of which an archive holds rows. An archive with rows of any other is refused."""

_OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
_TIMES = (
    (runs, ("created_at", "started_at", "ended_at", "due_at", "available_at")),
    (artifact_view, ("started_at", "ended_at", "pruned_at")),
    (run_attempts, ("started_at", "ended_at")),
    (artifact_attempts, ("started_at", "ended_at")),
)
_CLOCK_SKEW = timedelta(minutes=5)


class ArchivedRecords:
    """The records of one archive.

    Args:
        file: An archive whose files match its manifest, see `ArchiveReader.check`.
    """

    def __init__(self, file: ArchiveReader) -> None:
        self._file = file
        self.origin = file.manifest.get("origin")
        self.made_by = str(file.manifest.get("made_by"))
        self._wrapped_keys = {row["digest"]: WrappedKey(row["key_id"], row["wrapped"]) for row in self.rows(blob_keys)}

    def rows(self, table: Rows) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table."""
        return (row_from_json(table, columns) for columns in self._file.lines(table.name))

    def rows_of_runs(self, table: Rows, run_ids: Collection[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table that belong to some of the runs."""
        return (row for row in self.rows(table) if row["run_id"] in run_ids)

    def blobs(self) -> Iterator[Blob]:
        """Yield the contents one by one; those without bytes are tombstones."""
        for row in self.rows(blobs):
            data = b"" if row["codec"] == TOMBSTONE else self._file.content(row["digest"])
            yield Blob(row["digest"], row["codec"], row["size"], data, self._wrapped_keys.get(row["digest"]))

    def parts(self) -> Mapping[str, set[str]]:
        """Return, by digest of each content in parts, the digests of its envelope and its parts."""
        manifests = (blob for blob in self.blobs() if blob.codec == MANIFEST)
        return {blob.digest: digests_in(blob.manifest(subject=_subject(blob))) for blob in manifests}

    def check(self, keys: KeyRing, *, now: datetime) -> None:
        """Check everything that can be checked without the database.

        Raises:
            ArchiveError: it holds what `waivern archive` never writes: open runs, times in the future, rows that belong
                to no run, tables that are not archived, or contents that do not match their digests.
            EncryptionError: contents are encrypted with an unknown key.
        """
        unknown = set(self._file.row_files) - ARCHIVED_TABLES
        if unknown:
            raise refused(f"it holds rows of '{min(unknown)}', which are never archived")
        run_ids = self._check_runs()
        self._check_rows_of_runs(run_ids)
        self._check_times(now + _CLOCK_SKEW)
        self._check_contents(keys)

    def _check_runs(self) -> Mapping[str, int]:
        """The epochs of the runs by id."""
        epochs: dict[str, int] = {}
        for row in self.rows(runs):
            run_id = row["id"]
            if str(UUID(run_id)) != run_id or run_id in epochs:
                raise refused(f"'{run_id[:40]}' is not a valid id of a run, or occurs twice")
            if row["status"] in _OPEN or row["ended_at"] is None or row["lease_until"] is not None:
                raise refused(f"its run {run_id} has not ended (status '{row['status'][:20]}')")
            if not 0 <= row["attempts"] <= row["epoch"] + 1:
                raise refused(f"its run {run_id} has more attempts than epochs")
            epochs[run_id] = row["epoch"]
        if not epochs:
            raise refused("it holds no runs")
        return epochs

    def _check_rows_of_runs(self, epochs: Mapping[str, int]) -> None:
        for table in WITH_RUN_ID:
            for row in self.rows(table):
                if row["run_id"] not in epochs:
                    raise refused(f"its rows of '{table.name}' belong to a run that it does not hold")
                if not 0 <= row.get("epoch", 0) <= epochs[row["run_id"]]:
                    raise refused(f"its rows of '{table.name}' have an epoch that run {row['run_id']} never had")

    def _check_times(self, latest: datetime) -> None:
        """A run from the future would be the newest of its runbook for good, or keep a schedule from triggering."""
        for table, names in _TIMES:
            for row in self.rows(table):
                for name in names:
                    if row[name] is not None and row[name] > latest:
                        raise refused(f"'{name}' of a row of '{table.name}' is in the future: {row[name].isoformat()}")

    def _check_contents(self, keys: KeyRing) -> None:
        """Decrypt and decompress every content once, in bounded memory, and compare it with its digest and size."""
        digests, parts = set[str](), set[str]()
        for blob in self.blobs():
            if blob.codec == TOMBSTONE:
                continue
            digests.add(blob.digest)
            subject = _subject(blob)
            try:
                blob.decrypted(keys, subject=subject).check(subject=subject)
                if blob.codec == MANIFEST:
                    parts |= digests_in(blob.manifest(subject=subject))
            except CorruptArtifactError as error:
                raise ArchiveError(error.happened, remedy="Use another copy of the archive") from None
        if set(self._file.contents) != digests:
            raise refused("it holds contents that its rows do not describe")
        if not parts <= digests:
            raise refused(f"the part {min(parts - digests)} of a content is missing")


def _subject(blob: Blob) -> str:
    return f"the content {blob.digest} of the archive"


def refused(reason: str) -> ArchiveError:
    """Return the error for an archive that holds what `waivern archive` never writes."""
    return ArchiveError(
        f"The archive is refused: {reason}", remedy="Nothing was written; do not trust this file, use another copy"
    )
