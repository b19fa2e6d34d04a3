"""Verify runs against the roots that events recorded, and runbooks and interned rows against their digests."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.column_types import json_text
from waivern.database.connection.stored_values import as_stored
from waivern.database.events.run_merkle import RunMerkle, mismatched_rows
from waivern.database.events.stored_events import EVENTS, body_of, chain_id
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.interned_rows import digest_of_row
from waivern.database.schema.tables import (
    artifact_declarations,
    artifacts,
    events,
    imported_events,
    overviews,
    runbooks,
    runs,
)
from waivern.database.verification.chain_checks import PAGE, rows_of
from waivern.errors import MessageError
from waivern.history.events import EventKind
from waivern.history.merkle import hashable
from waivern.history.verification import Progress, RecordKind, Verification
from waivern.messages.canonical import canonical_bytes, digest_of
from waivern.runs.run import RunStatus

_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
_OPENING = (EventKind.RUN_OPENED, EventKind.RUN_RESUMED)
_RUN_COLUMNS = ("id", "status", "event_seq", "restored", "lease_until")
_RUNS = sa.select(*(as_stored(runs.c[name]) for name in _RUN_COLUMNS)).order_by(runs.c.id)
_IMPORTED = sa.select(as_stored(imported_events.c.hash), as_stored(imported_events.c.body))
_RUNBOOKS = sa.select(*map(as_stored, runbooks.columns)).order_by(runbooks.c.digest)

_INTERNED = (
    (RecordKind.DECLARATION, artifact_declarations, artifacts.c.declaration_id),
    (RecordKind.OVERVIEW, overviews, artifacts.c.overview_id),
)

_UNUSED_RUNBOOKS = sa.select(as_stored(runbooks.c.digest)).where(
    ~sa.exists().where(runs.c.runbook_digest == runbooks.c.digest)
)
_WITHOUT_RUNBOOK = (
    sa.select(runs.c.id, as_stored(runs.c.runbook_digest))
    .outerjoin(runbooks, runbooks.c.digest == runs.c.runbook_digest)
    .where(runs.c.runbook_digest.is_not(None))
    .where(sa.or_(runbooks.c.digest.is_(None), runs.c.runbook_name != runbooks.c.name))
    .order_by(runs.c.id)
)


def check_runs(connection: sa.Connection, result: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Verify each closed run against the event that its row refers to."""
    query = _RUNS if run_id is None else _RUNS.where(runs.c.id == run_id)
    for page in batched(rows_of(connection, query), PAGE):
        events_by_seq = _events_of(connection, page)
        for run in page:
            event = events_by_seq.get(run.event_seq)
            if event is None:
                _check_without_event(run, result)
            else:
                _check_run(connection, run, event, result)
            result.counts["runs"] += 1
            progress("runs", result.counts["runs"])


def check_runbooks(connection: sa.Connection, result: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Verify that each version of a runbook matches its digest, and has the name that its runs have."""
    query, without_runbook = _RUNBOOKS, _WITHOUT_RUNBOOK
    if run_id is not None:
        query = query.where(runbooks.c.digest.in_(sa.select(runs.c.runbook_digest).where(runs.c.id == run_id)))
        without_runbook = without_runbook.where(runs.c.id == run_id)
    for row in rows_of(connection, query):
        if not _has_runbook_digest(row):
            result.report(RecordKind.RUNBOOK, f"runbook {hashable(row.digest)}", "its text does not match its digest")
        result.counts["runbooks"] += 1
        progress("runbooks", result.counts["runbooks"])
    for row in connection.execute(_UNUSED_RUNBOOKS) if run_id is None else ():
        result.report(RecordKind.RUNBOOK, f"runbook {hashable(row.digest)}", "no run refers to it")
    for row in connection.execute(without_runbook):
        problem = f"it is missing, or has a different name than run {row.id} recorded"
        result.report(RecordKind.RUNBOOK, f"runbook {hashable(row.runbook_digest)}", problem, run=row.id)


def check_interned_rows(connection: sa.Connection, result: Verification, *, run_id: str | None) -> None:
    """Verify that each declaration and overview, which artifacts of many runs share, matches its digest."""
    for kind, table, reference in _INTERNED:
        query = sa.select(*map(as_stored, table.columns)).order_by(table.c.id)
        if run_id is not None:
            query = query.where(
                table.c.id.in_(sa.select(reference).where(artifacts.c.run_number == run_number_of(run_id)))
            )
        for row in rows_of(connection, query):
            if not _has_row_digest(table, row):
                result.report(kind, f"{kind} {row.id}", "its columns do not match its digest")


def _has_row_digest(table: sa.Table, row: Any) -> bool:
    with suppress(MessageError, ValueError):
        return bool(digest_of_row(table, row._mapping) == hashable(row.digest))
    return False


def _events_of(connection: sa.Connection, page: Sequence[Any]) -> Mapping[Any, Any]:
    seqs = [run.event_seq for run in page if isinstance(run.event_seq, int)]
    return {row.seq: row for row in connection.execute(EVENTS.where(events.c.seq.in_(seqs)))}


def _check_without_event(run: Any, result: Verification) -> None:
    """A run without an event waits in the queue: starting, cancelling and restoring a run all record one."""
    run_id = str(hashable(run.id))
    if run.event_seq is not None:
        _report(result, run_id, f"its event {hashable(run.event_seq)} is missing")
    elif run.status == RunStatus.QUEUED:
        result.open_runs += 1
    elif run.status == RunStatus.RUNNING:
        _report(result, run_id, "it is running, but no event recorded its start")
    else:
        _report(result, run_id, "it has ended, but no event recorded that")


def _check_run(connection: sa.Connection, run: Any, event: Any, result: Verification) -> None:
    run_id, body = str(hashable(run.id)), body_of(event)
    if body.get("run") != run.id:
        _report(result, run_id, f"its event {event.seq} is about something else")
    elif run.status in _OPEN:
        result.open_runs += 1
        if event.kind not in _OPENING:
            _report(result, run_id, f"its status is {run.status}, but event {event.seq} closed it")
    elif run.lease_until is not None:
        _report(result, run_id, "it has ended, but has a lease")
    elif "root" not in body:
        _report(result, run_id, f"it has ended, but its newest event {event.seq} does not say so")
    else:
        _check_mark(run, event, body, result)
        _check_root(connection, run.id, event.seq, body, result)
        _check_origin(connection, run_id, event.seq, body, result)


def _check_mark(run: Any, event: Any, body: Mapping[str, Any], result: Verification) -> None:
    """A restored run is marked as proven or unproven, as its event says; a run that was executed here is not."""
    mark = None
    if event.kind == EventKind.RUN_RESTORED:
        mark = "unproven" if body.get("proven") is False else "proven"
    if run.restored != mark:
        recorded = "that it was executed here" if mark is None else f"'{mark}'"
        _report(result, str(hashable(run.id)), f"it is marked '{run.restored}', but event {event.seq} says {recorded}")
    if mark == "unproven":
        result.unproven_runs += 1


def _check_origin(
    connection: sa.Connection, run_id: str, seq: int, body: Mapping[str, Any], result: Verification
) -> None:
    """A restored run's event refers to the event that closed the run in its own chain: the roots must be equal."""
    origin = body.get("from")
    if not isinstance(origin, Mapping):
        return
    name = f"event {origin.get('seq')} of chain {origin.get('chain')}"
    closing, problem = _origin_event(connection, origin), None
    if closing is None:
        problem = f"event {seq} says that it closed run {run_id}, but it is missing"
    elif hashable(closing.hash) != origin.get("hash"):
        problem = f"its hash is not the one that event {seq} recorded"
    elif body_of(closing).get("root") != body["root"]:
        problem = f"it has a different root of run {run_id} than event {seq}"
    if problem is not None:
        result.report(RecordKind.EVENT, name, problem, run=run_id)


def _origin_event(connection: sa.Connection, origin: Mapping[str, Any]) -> Any:
    """The imported event, or the event of this chain if the run came back to its own database."""
    chain, seq = origin.get("chain"), origin.get("seq")
    imported = _IMPORTED.where(imported_events.c.origin == str(chain), imported_events.c.seq == seq)
    row = connection.execute(imported).first()
    if row is None and chain == chain_id(connection):
        row = connection.execute(EVENTS.where(events.c.seq == seq)).first()
    return row


def _check_root(
    connection: sa.Connection, run_id: str, seq: int, body: Mapping[str, Any], result: Verification
) -> None:
    try:
        merkle = RunMerkle.of(connection, run_id)
    except (MessageError, ValueError) as error:
        _report(result, run_id, f"cannot read its rows: {error}")
        return
    result.counts["artifacts"] += merkle.counts["total"]
    if merkle.root != body["root"]:
        _report_changed_rows(connection, run_id, seq, body.get("leaf_prefixes"), result)


def _report_changed_rows(
    connection: sa.Connection, run_id: str, seq: int, leaf_prefixes: Any, result: Verification
) -> None:
    """Report each row that changed since the event, which leaf prefixes identify, and how many rows are missing."""
    mismatch = mismatched_rows(connection, run_id, leaf_prefixes) if isinstance(leaf_prefixes, str) else None
    if mismatch is None or not (mismatch.rows or mismatch.missing):
        problem = f"its rows do not match the root in event {seq}: the run, an artifact or a finding was changed"
        _report(result, run_id, problem)
        return
    for table, row in mismatch.rows:
        _report_row(result, run_id, table, row, f"it was changed after event {seq} recorded it")
    if mismatch.missing:
        _report(result, run_id, f"{mismatch.missing} of its rows that event {seq} recorded are missing")


def _report_row(result: Verification, run_id: str, table: str, row: Mapping[str, Any], problem: str) -> None:
    artifact_id = None if "artifact_id" not in row else str(hashable(row["artifact_id"]))
    run = f"run {run_id}"
    if table == "runs":
        _report(result, run_id, problem)
    elif table == "artifacts":
        name = f"artifact '{artifact_id}' of {run}"
        result.report(RecordKind.ARTIFACT, name, problem, run=run_id, artifact_id=artifact_id)
    elif table == "run_attempts":
        result.report(RecordKind.ATTEMPT, f"attempt {row['epoch']} at {run}", problem, run=run_id)
    else:
        name = f"attempt {row['attempt']} at artifact '{artifact_id}' of {run}"
        result.report(RecordKind.ATTEMPT, name, problem, run=run_id, artifact_id=artifact_id)


def _report(result: Verification, run_id: str, problem: str) -> None:
    result.report(RecordKind.RUN, f"run {run_id}", problem, run=run_id)


def _has_runbook_digest(row: Any) -> bool:
    """A plan that was built in code has no sources: its digest covers what is not stored."""
    with suppress(msgspec.DecodeError, UnicodeEncodeError, MessageError, AttributeError):
        sources = msgspec.json.decode(row.sources.encode())
        if json_text(sources) != row.sources:
            return False
        return not sources or digest_of(canonical_bytes(sources)) == hashable(row.digest)
    return False
