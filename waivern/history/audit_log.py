"""The port to the audit log: recording events, verifying all records, moving runs between databases."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from waivern.caller import Caller
from waivern.history.archives import ArchivedRuns, RestoredRuns, RestoreOptions
from waivern.history.events import Event
from waivern.history.verification import Progress, Verification


class AuditLog(ABC):
    """The hash-chained events of one installation, and everything that they prove."""

    @abstractmethod
    def append(self, *, caller: Caller, kind: str, body: Mapping[str, Any]) -> Event:
        """Append an event in a transaction of its own.

        Raises:
            MessageError: `body` is not JSON.
        """

    @abstractmethod
    def read(
        self, *, after: int = 0, limit: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Event]:
        """Yield the events whose number is greater than `after`, oldest first, page by page."""

    @abstractmethod
    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        kinds: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> Sequence[Event]:
        """Return at most `limit` events, newest first, with a number below `before` and not older than `since`."""

    @abstractmethod
    def hash_at(self, seq: int) -> str | None:
        """Return the hash of an event; None if no event has that number."""

    @abstractmethod
    def verify(self, *, run_id: str | None = None, progress: Progress) -> Verification:
        """Recompute every hash, digest and root in one snapshot of the database, and compare.

        Args:
            run_id: Verify the chain of events and this run only; None: everything.
            progress: Called from time to time.
        """

    @abstractmethod
    def archive(self, run_ids: Sequence[str], path: Path, *, caller: Caller) -> ArchivedRuns:
        """Write closed runs to an archive, from one snapshot of the database. An existing file is replaced.

        Raises:
            RunError: a run is still queued or running.
            UsageError: the file cannot be written.
        """

    @abstractmethod
    def restore(self, path: Path, options: RestoreOptions, *, caller: Caller) -> RestoredRuns:
        """Restore all runs of an archive, or none of them. Nothing that is restored can run, trigger or notify.

        Raises:
            ArchiveError: the file is not an archive, is damaged or of an unknown version, holds a run that differs from
                the one with the same id here, or records that no event proves and the options do not allow.
            EncryptionError: contents are encrypted with an unknown key.
        """
