"""Pruning in the database: which messages are due to go, and letting them go."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import describe, writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.retention.blob_gc import collect_garbage, truncate_wal
from waivern.database.retention.retention_rules import (
    HAS_CONTENT,
    RETAIN_NONE,
    RETAIN_UNTIL_SUCCESS,
    add_gc_candidates,
    record_pruned,
)
from waivern.database.schema.artifact_view import DECLARATION_JOIN, run_number_of
from waivern.database.schema.tables import artifact_declarations, artifacts, blobs, periodic_tasks, runs
from waivern.errors import DatabaseUnavailableError
from waivern.history.pruning import Pruned, PrunedMessage, Pruner, PruneRequest, retention_as_text
from waivern.runs.run import RunStatus

_GIVEN_UP_AFTER = timedelta(days=1)
"""After how long without a sign of life a run by hand counts as ended: until then it may be taken up again."""

_CANDIDATES = (
    sa.select(
        *(artifacts.c[name] for name in ("artifact_id", "digest")),
        *(artifact_declarations.c.retain, runs.c.id.label("run_id")),
        *(runs.c[name] for name in ("runbook_name", "created_at", "ended_at", "lease_until", "status")),
    )
    .join(runs, runs.c.number == artifacts.c.run_number)
    .join(artifact_declarations, DECLARATION_JOIN)
    .where(*HAS_CONTENT, runs.c.status != RunStatus.QUEUED.value)
    .order_by(runs.c.id, artifact_declarations.c.position)
)
_LAST_SUCCESS = (
    sa.select(runs.c.runbook_name, sa.func.max(runs.c.created_at).label("at"))
    .where(runs.c.status == RunStatus.SUCCEEDED.value, runs.c.reanalysis_of.is_(None))
    .group_by(runs.c.runbook_name)
)
_ALL_KEPT = (
    sa.select(runs.c.id.label("run_id"), artifacts.c.artifact_id, artifacts.c.digest)
    .join(runs, runs.c.number == artifacts.c.run_number)
    .where(*HAS_CONTENT)
)
_LET_GO = (
    sa.update(artifacts)
    .where(artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), *HAS_CONTENT)
    .where(artifacts.c.artifact_id == sa.bindparam("of_artifact"))
    .values(pruned_at=sa.bindparam("at", type_=artifacts.c.pruned_at.type), pruned_because=sa.bindparam("because"))
)


class SqlPruner(Pruner):
    """Reads without locks what is due, and lets it go a few hundred messages in one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def prune(self, request: PruneRequest, *, actor: str) -> Pruned:
        due = self._due(request)
        for some in batched(due):
            with writing(self._engine) as connection:
                _let_go(connection, some, actor=actor)
        emptied = collect_garbage(self._engine, actor=actor)
        truncate_wal(self._engine)
        return Pruned(due, emptied.contents, emptied.freed_bytes, self._unused_bytes())

    def would_prune(self, request: PruneRequest) -> Pruned:
        due = self._due(request)
        going = {(each.run_id, each.artifact_id) for each in due}
        digests = {each.digest for each in due}
        with self._engine.connect() as connection:
            kept = connection.execution_options(yield_per=10_000).execute(_ALL_KEPT)
            digests -= {
                row.digest for row in kept if row.digest in digests and (row.run_id, row.artifact_id) not in going
            }
            freed = sum(
                connection.execute(
                    sa.select(sa.func.coalesce(sa.func.sum(blobs.c.stored_size), 0)).where(blobs.c.digest.in_(some))
                ).scalar_one()
                for some in batched(sorted(digests))
            )
        return Pruned(due, len(digests), int(freed), self._unused_bytes())

    def shrink(self) -> bool:
        if self._engine.dialect.name != "sqlite":
            return False
        with self._engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            try:
                raw.execute("VACUUM")
            except sqlite3.OperationalError as error:
                raise DatabaseUnavailableError(
                    f"The {describe(self._engine)} cannot be made smaller now: {error}",
                    remedy="Try again when nobody writes to it, and there is room for a copy of it",
                ) from None
        truncate_wal(self._engine)
        return True

    def claim(self, chore: str, *, next_at: datetime) -> bool:
        with writing(self._engine) as connection:
            first = {"name": chore, "next_run_at": next_at}
            connection.execute(insert_ignore(connection, periodic_tasks), first)
            due = sa.update(periodic_tasks).where(
                periodic_tasks.c.name == chore, periodic_tasks.c.next_run_at <= database_now(connection)
            )
            return connection.execute(due.values(next_run_at=next_at)).rowcount == 1

    def _due(self, request: PruneRequest) -> Sequence[PrunedMessage]:
        wanted = _CANDIDATES
        if request.runbook is not None:
            wanted = wanted.where(runs.c.runbook_name == request.runbook)
        if request.older_than is None:
            wanted = wanted.where(artifact_declarations.c.retain.is_not(None))
        with self._engine.connect() as connection:
            successes = {row.runbook_name: row.at for row in connection.execute(_LAST_SUCCESS)}
            judge = _Judge(database_now(connection), successes, request.older_than)
            rows = connection.execution_options(yield_per=10_000).execute(wanted)
            return list(_judged(rows, judge))

    def _unused_bytes(self) -> int | None:
        if self._engine.dialect.name != "sqlite":
            return None
        with self._engine.connect() as connection:
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_size")
            )
        return int(pages * size)


@dataclass(frozen=True)
class _Judge:
    """Says why an artifact's message is due to go, if it is."""

    now: datetime
    successes: Mapping[str, datetime]
    older_than: timedelta | None

    def because(self, row: Any) -> str | None:
        ended_at = self._ended_at(row)
        if ended_at is None:
            return None
        if row.retain is not None and self._is_done_with(row, ended_at):
            return f"retain: {retention_as_text(_said(row.retain))}"
        if self.older_than is not None and ended_at <= self.now - self.older_than:
            return f"pruned by hand: older than {retention_as_text(self.older_than.total_seconds())}"
        return None

    def _is_done_with(self, row: Any, ended_at: datetime) -> bool:
        if row.retain == RETAIN_NONE:
            return True
        if row.retain == RETAIN_UNTIL_SUCCESS:
            success = self.successes.get(row.runbook_name)
            return success is not None and bool(success >= row.created_at)
        return self.now >= ended_at + timedelta(seconds=float(row.retain))

    def _ended_at(self, row: Any) -> datetime | None:
        if row.status != RunStatus.RUNNING.value:
            ended: datetime | None = row.ended_at
            return ended
        given_up: datetime = row.lease_until + _GIVEN_UP_AFTER
        return given_up if given_up <= self.now else None


def _said(retain: str) -> str | float:
    return retain if retain in (RETAIN_NONE, RETAIN_UNTIL_SUCCESS) else float(retain)


def _judged(rows: sa.CursorResult[Any], judge: _Judge) -> Iterator[PrunedMessage]:
    for row in rows:
        because = judge.because(row)
        if because is not None:
            yield PrunedMessage(row.run_id, row.runbook_name, row.artifact_id, row.digest, because)


def _let_go(connection: sa.Connection, messages: Sequence[PrunedMessage], *, actor: str) -> None:
    now = database_now(connection)
    gone = [
        {"of_run": each.run_id, "of_artifact": each.artifact_id, "at": now, "because": each.because}
        for each in messages
    ]
    connection.execute(_LET_GO, gone)
    add_gc_candidates(connection, {each.digest for each in messages})
    told = [
        {"run": each.run_id, "artifact_id": each.artifact_id, "digest": each.digest, "because": each.because}
        for each in messages
    ]
    record_pruned(connection, told, at=now, actor=actor)
