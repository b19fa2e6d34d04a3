"""The audit log in the database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events import event_queries, event_rows
from waivern.database.schema.tables import events
from waivern.history.archives import ArchivedRuns, RestoredRuns, RestoreOptions
from waivern.history.audit_log import AuditLog
from waivern.history.events import Event
from waivern.history.verification import Progress, Verification


class SqlAuditLog(AuditLog):
    """Delegates to `events`, `verification` and `archive`; the latter two are imported only by their commands."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def append(self, *, caller: Caller, kind: str, body: Mapping[str, Any]) -> Event:
        with writing(self._engine) as connection:
            return event_rows.append(connection, actor=str(caller), kind=kind, body=body, at=database_now(connection))

    def read(
        self, *, after: int = 0, limit: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Event]:
        return event_queries.read_events(self._engine, after=after, limit=limit, kinds=kinds)

    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        kinds: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> Sequence[Event]:
        return event_queries.newest_events(self._engine, limit=limit, before=before, kinds=kinds, since=since)

    def hash_at(self, seq: int) -> str | None:
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(events.c.hash).where(events.c.seq == seq))

    def verify(self, *, run_id: str | None = None, progress: Progress) -> Verification:
        from waivern.database.verification.verifier import verify

        return verify(self._engine, run_id=run_id, progress=progress)

    def archive(self, run_ids: Sequence[str], path: Path, *, caller: Caller) -> ArchivedRuns:
        from waivern.database.archive.writer import archive_runs

        return archive_runs(self._engine, run_ids, path, actor=str(caller))

    def restore(self, path: Path, options: RestoreOptions, *, caller: Caller) -> RestoredRuns:
        from waivern.database.archive.restoring import restore_runs

        return restore_runs(self._engine, path, options, actor=str(caller))
