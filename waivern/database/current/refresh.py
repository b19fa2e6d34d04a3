"""Refresh the current findings of a runbook when one of its runs is closed.

The changes are computed before the transaction that closes the run, and only written within it, because on SQLite a
transaction that writes keeps every other process from writing. If anything that they were computed from has changed
in between, they are computed again within the transaction. A run whose findings did not change moves the cursor only.
"""

from datetime import UTC, date
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import allow_idling, writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.current.decision_rows import newest_decision_seq
from waivern.database.current.generations import add_locations, show_generation, stage_if_many
from waivern.database.current.state_changes import RefreshInput, StateChanges, Stream, compute_changes
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import (
    artifacts,
    current_findings,
    finding_state_cursors,
    finding_streams,
    runs,
)
from waivern.runs.run import UNFINISHED, RunStatus

_LOCK = 0x57414944  # "WAID": the advisory lock under which Postgres applies decisions, and refreshes, one at a time
_UNFINISHED = [status.value for status in UNFINISHED]
_NOT_CLOSING = ("", RunStatus.RUNNING)


def newest_complete(runbook: str) -> sa.Select[tuple[str]]:
    """Select the id of the newest complete run of a runbook."""
    # a literal status, so that Postgres knows in every plan that the index of complete runs applies
    is_succeeded = runs.c.status == sa.literal_column(f"'{RunStatus.SUCCEEDED.value}'")
    complete = (runs.c.runbook_name == runbook, is_succeeded, runs.c.reanalysis_of.is_(None))
    return sa.select(runs.c.id).where(*complete).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(1)


def prepare_refresh(engine: sa.Engine, run_id: str, status: RunStatus) -> StateChanges | None:
    """Compute how closing a run with a status changes the current findings; None if it cannot change them."""
    with engine.connect() as connection:
        allow_idling(connection)
        runbook = _runbook_of(connection, run_id)
        if runbook is None:
            return None
        given = _read_input(connection, runbook, today=database_day(connection), closing=(run_id, status))
        if given is None:
            return None
        changes = compute_changes(connection, given)
    return stage_if_many(engine, changes)


def refresh_after_closing(connection: sa.Connection, run_id: str, prepared: StateChanges | None) -> None:
    """Refresh the current findings within the transaction that has set the run's final status.

    Args:
        connection: The transaction.
        run_id: The closed run.
        prepared: The result of `prepare_refresh`.
    """
    runbook = _runbook_of(connection, run_id)
    if runbook is not None:
        _refresh(connection, runbook, prepared)


def refresh_all(engine: sa.Engine) -> None:
    """Refresh the current findings and all verdicts of every runbook, as after runs and decisions were restored."""
    with engine.connect() as connection:
        runbooks = list(connection.scalars(_RUNBOOKS))
    for runbook in runbooks:
        with engine.connect() as connection:
            given = _read_input(connection, runbook, today=database_day(connection))
            prepared = None if given is None else compute_changes(connection, given, all_verdicts=True)
        with writing(engine) as connection:
            _refresh(connection, runbook, prepared, all_verdicts=True)


def serialize_decisions(connection: sa.Connection) -> None:
    """Wait until no other transaction applies decisions; on SQLite only one transaction writes anyway.

    Without it, a finding that one transaction inserts could miss a decision that another one stores.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def database_day(connection: sa.Connection) -> date:
    """Return the current day in UTC by the database's clock."""
    return database_now(connection).astimezone(UTC).date()


def _refresh(
    connection: sa.Connection, runbook: str, prepared: StateChanges | None, *, all_verdicts: bool = False
) -> None:
    if connection.execute(_STREAMS, {"of": runbook}).first() is None:
        return
    serialize_decisions(connection)
    cursor_id = _locked_cursor(connection, runbook)
    today = database_day(connection) if prepared is None else prepared.computed_from.today
    given = _read_input(connection, runbook, today=today)
    if given is None:
        return
    if prepared is None or not given.is_same_as(prepared.computed_from):
        allow_idling(connection)
        prepared = compute_changes(connection, given, all_verdicts=all_verdicts)
    _write(connection, cursor_id, given, prepared)


def _runbook_of(connection: sa.Connection, run_id: str) -> str | None:
    return connection.execute(sa.select(runs.c.runbook_name).where(runs.c.id == run_id)).scalar_one_or_none()


def _read_input(
    connection: sa.Connection, runbook: str, *, today: date, closing: tuple[str, RunStatus] = _NOT_CLOSING
) -> RefreshInput | None:
    """Return what the current findings depend on; None if no run of the runbook has held findings."""
    streams = {row.artifact_id: Stream(row.id, row.last_seq) for row in connection.execute(_STREAMS, {"of": runbook})}
    run = _deciding_run(connection, runbook, *closing) if streams else None
    if run is None:
        return None
    cursor = connection.execute(_CURSOR, {"of": runbook}).first()
    return RefreshInput(
        runbook=runbook,
        run_id=run.id,
        run_at=run.started_at or run.created_at,
        held={row.artifact_id: row.snapshot_seq for row in connection.execute(_FINDING_ARTIFACTS, {"of_run": run.id})},
        streams=streams,
        cursor_id=None if cursor is None else cursor.id,
        cursor_run_id=None if cursor is None else cursor.run_id,
        cursor_run_at=None if cursor is None else cursor.run_at,
        cursor_snapshots={} if cursor is None else cursor.snapshots,
        decision_seq=newest_decision_seq(connection),
        today=today,
    )


def _deciding_run(connection: sa.Connection, runbook: str, closing_id: str, status: RunStatus) -> Any:
    """Return the newest complete run; if there is none, the newest ended run that holds findings.

    A run that is being closed counts as having ended with its status.
    """
    ended = [connection.execute(newest_complete(runbook).with_only_columns(*_RUN_COLUMNS)).first()]
    if status is RunStatus.SUCCEEDED:
        ended.append(connection.execute(_CLOSING, {"closing": closing_id}).first())
    complete = [run for run in ended if run is not None]
    if complete:
        return max(complete, key=lambda run: (run.created_at, run.id))
    return connection.execute(_NEWEST_WITH_FINDINGS, {"of": runbook, "closing": closing_id}).first()


def _locked_cursor(connection: sa.Connection, runbook: str) -> int:
    """Create the runbook's cursor unless it has one, and lock it until the transaction ends."""
    connection.execute(insert_ignore(connection, finding_state_cursors), {"runbook_name": runbook, "snapshots": {}})
    locked = sa.select(finding_state_cursors.c.id).where(finding_state_cursors.c.runbook_name == runbook)
    cursor_id: int = connection.execute(locked.with_for_update()).scalar_one()
    return cursor_id


def _write(connection: sa.Connection, cursor_id: int, given: RefreshInput, changes: StateChanges) -> None:
    if changes.generation_id is not None:
        show_generation(connection, cursor_id, given, changes.generation_id)
        return
    if given.is_different_run:
        connection.execute(_NO_LONGER_NEW, {"of_cursor": cursor_id})
    _write_updates(connection, changes)
    if changes.new_rows:
        connection.execute(sa.insert(current_findings), [{**row, "cursor_id": cursor_id} for row in changes.new_rows])
        add_locations(connection, (row["location"] for row in changes.new_rows))
    if not given.is_up_to_date:
        moved = {"run_id": given.run_id, "run_at": given.run_at, "snapshots": given.snapshots}
        connection.execute(_MOVE_CURSOR, {"of_cursor": cursor_id, **moved})


def _write_updates(connection: sa.Connection, changes: StateChanges) -> None:
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row_id, values in changes.updates:
        by_columns.setdefault(tuple(sorted(values)), []).append({"of_row": row_id, **values})
    for rows in by_columns.values():
        connection.execute(_UPDATE, rows)
        add_locations(connection, (row["location"] for row in rows if "location" in row))


_STREAMS = sa.select(finding_streams).where(finding_streams.c.runbook_name == sa.bindparam("of"))
_CURSOR = sa.select(finding_state_cursors).where(finding_state_cursors.c.runbook_name == sa.bindparam("of"))
_FINDING_ARTIFACTS = sa.select(artifacts.c.artifact_id, artifacts.c.snapshot_seq).where(
    artifacts.c.run_number == run_number_of(sa.bindparam("of_run")), artifacts.c.snapshot_seq.is_not(None)
)
_RUN_COLUMNS = (runs.c.id, runs.c.started_at, runs.c.created_at)
_CLOSING = sa.select(*_RUN_COLUMNS).where(runs.c.id == sa.bindparam("closing"), runs.c.reanalysis_of.is_(None))
_NEWEST_WITH_FINDINGS = (
    sa.select(*_RUN_COLUMNS)
    .where(runs.c.runbook_name == sa.bindparam("of"), runs.c.reanalysis_of.is_(None))
    .where(runs.c.status.not_in(_UNFINISHED) | (runs.c.id == sa.bindparam("closing")))
    .where(sa.exists().where(artifacts.c.run_number == runs.c.number, artifacts.c.snapshot_seq.is_not(None)))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(1)
)
_NO_LONGER_NEW = (
    sa.update(current_findings)
    .where(current_findings.c.cursor_id == sa.bindparam("of_cursor"), current_findings.c.state == "new")
    .values(state="open")
)
_MOVE_CURSOR = sa.update(finding_state_cursors).where(finding_state_cursors.c.id == sa.bindparam("of_cursor"))
_UPDATE = sa.update(current_findings).where(current_findings.c.id == sa.bindparam("of_row"))

_RUNBOOKS = sa.select(finding_streams.c.runbook_name).distinct().order_by(finding_streams.c.runbook_name)
