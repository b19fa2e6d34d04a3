"""Verifying runs: each has the root that the event of its end tells; and runbooks: each has its digest."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.connection.column_types import json_text
from waivern.database.connection.stored_values import as_stored
from waivern.database.events.run_merkle import RunProof, misfits_of
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
from waivern.database.verification.chain_checks import PAGE, body_of, installation_of, rows_of
from waivern.errors import MessageError
from waivern.history.event_log import EventKind
from waivern.history.proof import plain
from waivern.history.verification import Part, Progress, Verification
from waivern.messages.canonical import canonical_bytes, digest_of
from waivern.runs.run import RunStatus

_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
_OPENING = (EventKind.RUN_OPENED, EventKind.RUN_RESUMED)
_RUNS = sa.select(*(as_stored(runs.c[name]) for name in ("id", "status", "event_seq", "created_at"))).order_by(
    runs.c.id
)
_EVENTS = sa.select(*(as_stored(events.c[name]) for name in ("seq", "kind", "body")))
_FOREIGN = sa.select(as_stored(imported_events.c.hash), as_stored(imported_events.c.body))
_BEGUN = sa.select(as_stored(events.c.at)).order_by(events.c.seq).limit(1)
_RUNBOOKS = sa.select(*map(as_stored, runbooks.columns)).order_by(runbooks.c.digest)

_KEPT_ONCE = (
    (Part.DECLARATION, artifact_declarations, artifacts.c.declaration_id),
    (Part.OVERVIEW, overviews, artifacts.c.overview_id),
)

_OTHER_RUNBOOK = (
    sa.select(runs.c.id, as_stored(runs.c.runbook_digest))
    .outerjoin(runbooks, runbooks.c.digest == runs.c.runbook_digest)
    .where(runs.c.runbook_digest.is_not(None))
    .where(sa.or_(runbooks.c.digest.is_(None), runs.c.runbook_name != runbooks.c.name))
    .order_by(runs.c.id)
)


def check_runs(connection: sa.Connection, found: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Check each run that has ended against the event that its row names."""
    begun = plain(connection.execute(_BEGUN).scalar())
    wanted = _RUNS if run_id is None else _RUNS.where(runs.c.id == run_id)
    for page in batched(rows_of(connection, wanted), PAGE):
        told = _events_by_seq(connection, page)
        for run in page:
            event = told.get(run.event_seq)
            if event is None:
                _check_unproven(run, begun, found)
            else:
                _check_run(connection, run, event, found)
            found.counts["runs"] += 1
            progress("runs", found.counts["runs"])


def check_runbooks(connection: sa.Connection, found: Verification, progress: Progress, *, run_id: str | None) -> None:
    """Check that each version of a runbook has its digest, and the name that its runs have."""
    wanted = _RUNBOOKS
    if run_id is not None:
        wanted = wanted.where(runbooks.c.digest.in_(sa.select(runs.c.runbook_digest).where(runs.c.id == run_id)))
    for row in rows_of(connection, wanted):
        name = f"runbook {plain(row.digest)}"
        if not _has_its_digest(row):
            found.report(Part.RUNBOOK, name, "its text is not that of its digest")
        found.counts["runbooks"] += 1
        progress("runbooks", found.counts["runbooks"])
    for row in connection.execute(_OTHER_RUNBOOK if run_id is None else _OTHER_RUNBOOK.where(runs.c.id == run_id)):
        name = f"runbook {plain(row.runbook_digest)}"
        found.report(Part.RUNBOOK, name, f"it is not there under the name that run {row.id} knows", run=row.id)


def check_kept_once(connection: sa.Connection, found: Verification, *, run_id: str | None) -> None:
    """Check that each row that artifacts of many runs name has its digest; roots are over what it says."""
    for part, table, named_by in _KEPT_ONCE:
        wanted = sa.select(*map(as_stored, table.columns)).order_by(table.c.id)
        if run_id is not None:
            of_run = sa.select(named_by).where(artifacts.c.run_number == run_number_of(run_id))
            wanted = wanted.where(table.c.id.in_(of_run))
        for row in rows_of(connection, wanted):
            if not _has_digest_of_row(table, row):
                found.report(part, f"{part} {row.id}", "what it says is not what its digest is of")


def _has_digest_of_row(table: sa.Table, row: Any) -> bool:
    with suppress(MessageError, ValueError):
        return bool(digest_of_row(table, row._mapping) == plain(row.digest))
    return False


def _events_by_seq(connection: sa.Connection, page: Sequence[Any]) -> Mapping[Any, Any]:
    seqs = [run.event_seq for run in page if isinstance(run.event_seq, int)]
    return {row.seq: row for row in connection.execute(_EVENTS.where(events.c.seq.in_(seqs)))}


def _check_unproven(run: Any, begun: str | None, found: Verification) -> None:
    """A run that no event tells of: it has not begun, or had ended before there were events."""
    run_id = str(plain(run.id))
    if run.event_seq is not None:
        _report(found, run_id, f"event {run.event_seq}, which it names, is not there")
    elif run.status in _OPEN:
        found.open_runs += 1
    elif begun is None or str(plain(run.created_at)) < begun:
        found.unproven_runs += 1
    else:
        _report(found, run_id, "it has ended, and no event tells of it")


def _check_run(connection: sa.Connection, run: Any, event: Any, found: Verification) -> None:
    run_id, body = str(plain(run.id)), body_of(event)
    if body.get("run") != run.id:
        _report(found, run_id, f"event {event.seq}, which it names, is not about it")
    elif run.status in _OPEN:
        found.open_runs += 1
        if event.kind not in _OPENING:
            _report(found, run_id, f"it counts as {run.status}, and event {event.seq} says that it was closed")
    elif "root" not in body:
        _report(found, run_id, f"it has ended, and event {event.seq} does not say so")
    else:
        _check_root(connection, run.id, event.seq, body, found)
        _check_where_it_came_from(connection, run_id, event.seq, body, found)


def _check_where_it_came_from(
    connection: sa.Connection, run_id: str, seq: int, body: Mapping[str, Any], found: Verification
) -> None:
    """A restored run's event names the one that closed it where it was made; that says the same of it."""
    came = body.get("from")
    if not isinstance(came, Mapping):
        return
    name = f"event {came.get('seq')} of the chain {came.get('chain')}"
    told, why = _event_of(connection, came), None
    if told is None:
        why = f"event {seq} tells that it closed run {run_id}, and it is not there"
    elif plain(told.hash) != came.get("hash"):
        why = f"its hash is not the one that event {seq} tells"
    elif body_of(told).get("root") != body["root"]:
        why = f"it tells another root of run {run_id} than event {seq}"
    if why is not None:
        found.report(Part.EVENT, name, why, run=run_id)


def _event_of(connection: sa.Connection, came: Mapping[str, Any]) -> Any:
    """The event of another chain, or of this one where the run came back to it."""
    chain, seq = came.get("chain"), came.get("seq")
    foreign = _FOREIGN.where(imported_events.c.origin == str(chain), imported_events.c.seq == seq)
    row = connection.execute(foreign).first()
    if row is None and chain == installation_of(connection):
        row = connection.execute(_EVENTS.add_columns(as_stored(events.c.hash)).where(events.c.seq == seq)).first()
    return row


def _check_root(connection: sa.Connection, run_id: str, seq: int, body: Mapping[str, Any], found: Verification) -> None:
    try:
        proof = RunProof.of(connection, run_id)
    except (MessageError, ValueError) as error:
        _report(found, run_id, f"its rows cannot be read: {error}")
        return
    found.counts["artifacts"] += proof.counts["total"]
    if proof.root != body["root"]:
        _name_what_is_other(connection, run_id, seq, body.get("leaves"), found)


def _name_what_is_other(connection: sa.Connection, run_id: str, seq: int, told: Any, found: Verification) -> None:
    """Name the rows that are not as they were, which the beginnings of their leaves tell, and how many are gone."""
    misfits = misfits_of(connection, run_id, told) if isinstance(told, str) else None
    if misfits is None or not (misfits.rows or misfits.missing):
        why = f"its rows do not have the root that event {seq} tells: it, an artifact or a finding is other"
        _report(found, run_id, why)
        return
    for what, row in misfits.rows:
        _report_row(found, run_id, what, row, f"it is not as event {seq} tells that it was")
    if misfits.missing:
        _report(found, run_id, f"{misfits.missing} of the rows that event {seq} tells of it are not there")


def _report_row(found: Verification, run_id: str, what: str, row: Mapping[str, Any], why: str) -> None:
    artifact_id = None if "artifact_id" not in row else str(plain(row["artifact_id"]))
    run = f"run {run_id}"
    if what == "runs":
        _report(found, run_id, why)
    elif what == "artifacts":
        found.report(Part.ARTIFACT, f"artifact '{artifact_id}' of {run}", why, run=run_id, artifact_id=artifact_id)
    elif what == "run_attempts":
        found.report(Part.ATTEMPT, f"attempt {row['epoch']} at {run}", why, run=run_id)
    else:
        name = f"attempt {row['attempt']} at artifact '{artifact_id}' of {run}"
        found.report(Part.ATTEMPT, name, why, run=run_id, artifact_id=artifact_id)


def _report(found: Verification, run_id: str, why: str) -> None:
    found.report(Part.RUN, f"run {run_id}", why, run=run_id)


def _has_its_digest(row: Any) -> bool:
    """Where there are no texts, as for a plan that was built in code, the digest is of what is not kept."""
    with suppress(msgspec.DecodeError, UnicodeEncodeError, MessageError, AttributeError):
        sources = msgspec.json.decode(row.sources.encode())
        if json_text(sources) != row.sources:
            return False
        return not sources or digest_of(canonical_bytes(sources)) == plain(row.digest)
    return False
