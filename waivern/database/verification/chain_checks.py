"""Verify the chain of events: every number, link and hash, and that the runs it names exist."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.events.recorded_changes import RecordedChanges
from waivern.database.events.stored_events import EVENTS, body_of, expected_hash, installation_of
from waivern.database.schema.tables import runs
from waivern.history.events import GENESIS_HASH, EventKind
from waivern.history.merkle import hashable
from waivern.history.verification import ChainEnd, Progress, RecordKind, Verification

PAGE = 500
_NEWEST_REFERENCE = (
    sa.select(runs.c.id, runs.c.event_seq)
    .where(runs.c.event_seq.between(1, 2**63 - 1))
    .order_by(runs.c.event_seq.desc())
    .limit(1)
)
_KINDS_OF_RUNS = (EventKind.RUN_OPENED, EventKind.RUN_RESUMED, EventKind.RUN_CLOSED, EventKind.RUN_RESTORED)


def check_events(
    connection: sa.Connection, result: Verification, progress: Progress, recorded: RecordedChanges
) -> bool:
    """Verify the whole chain, set the end of the chain in the result, and note what the events recorded.

    Returns:
        Whether the newest events are missing, as runs refer to them.
    """
    previous, expected_seq, first = GENESIS_HASH, 1, None
    for page in batched(rows_of(connection, EVENTS), PAGE):
        for row in page:
            _check_link(row, expected_seq, previous, result)
            first = first or row
            recorded.note(at=row.at, kind=row.kind, body=body_of(row))
            previous, expected_seq = hashable(row.hash), row.seq + 1
            result.end = ChainEnd(
                installation_of(first) or "", row.seq, str(hashable(row.hash)), _parsed_instant(row.at)
            )
        _check_runs_exist(connection, page, result)
        result.counts["events"] += len(page)
        progress("events", result.counts["events"])
    return _is_truncated(connection, 0 if result.end is None else result.end.seq, result)


def _is_truncated(connection: sa.Connection, end: int, result: Verification) -> bool:
    """One mismatch, and not one for each of the records that the missing events are about."""
    run = connection.execute(_NEWEST_REFERENCE).first()
    if run is None or run.event_seq <= end:
        return False
    run_id = str(hashable(run.id))
    problem = f"it refers to event {run.event_seq}, but the chain ends at event {end}: the newest events are missing"
    result.report(RecordKind.RUN, f"run {run_id}", problem, run=run_id)
    return True


def rows_of(connection: sa.Connection, statement: "sa.Select[Any]", *, page: int = PAGE) -> Iterator[Any]:
    """Yield the rows of a statement without loading all of them into memory."""
    return iter(connection.execute(statement.execution_options(yield_per=page)))


def _check_link(row: Any, expected_seq: int, previous: str, result: Verification) -> None:
    name = f"event {row.seq}"
    if row.seq != expected_seq:
        missing = f"{expected_seq}" if row.seq == expected_seq + 1 else f"{expected_seq} to {row.seq - 1}"
        result.report(RecordKind.EVENT, name, f"the event before it is missing: {missing}")
    elif hashable(row.previous) != previous:
        result.report(RecordKind.EVENT, name, "it does not hold the hash of the event before it")
    if hashable(row.hash) != expected_hash(row):
        result.report(RecordKind.EVENT, name, "its hash does not match its content")


def _check_runs_exist(connection: sa.Connection, page: Sequence[Any], result: Verification) -> None:
    run_ids = {row.seq: str(body_of(row).get("run")) for row in page if row.kind in _KINDS_OF_RUNS}
    if not run_ids:
        return
    query = sa.select(runs.c.id, runs.c.event_seq).where(runs.c.id.in_(set(run_ids.values())))
    event_seqs = {row.id: row.event_seq for row in connection.execute(query)}
    for seq, run_id in run_ids.items():
        if run_id not in event_seqs:
            result.report(RecordKind.RUN, f"run {run_id}", f"event {seq} names it, but it is missing", run=run_id)
        elif event_seqs[run_id] is None or event_seqs[run_id] < seq:
            result.report(RecordKind.RUN, f"run {run_id}", f"it does not refer to its event {seq}", run=run_id)


def _parsed_instant(at: Any) -> datetime:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(str(hashable(at)))
    return datetime.fromtimestamp(0, UTC)
