"""Write many changes of the current findings in several short transactions, before the one that makes them visible.

A generation is all rows of a runbook under a new cursor. The cursor has no runbook name until it replaces the visible
one, and no reader sees the rows of a cursor without a name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched, keyset_pages, leaving_time_for_others
from waivern.database.connection.engine import writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.current.state_changes import RefreshInput, StateChanges
from waivern.database.schema.tables import current_findings, finding_locations, finding_state_cursors, runs
from waivern.runs.run import RunStatus

_BATCH_SIZE = 1_000
_MAX_DIRECT_CHANGES = 5_000  # rows that are written by the transaction that closes the run
_COLUMNS = [column for column in current_findings.columns if column.name not in ("id", "cursor_id")]


def stage_if_many(engine: sa.Engine, changes: StateChanges) -> StateChanges:
    """Write a generation with the changes if there are many; return them with its id."""
    given = changes.computed_from
    if len(changes.updates) + len(changes.new_rows) + _opened(engine, given) <= _MAX_DIRECT_CHANGES:
        return changes
    hidden: dict[str, Any] = {"runbook_name": None, "run_id": given.run_id, "run_at": given.run_at, "snapshots": {}}
    with writing(engine) as connection:
        cursors = sa.insert(finding_state_cursors).returning(finding_state_cursors.c.id)
        generation_id: int = connection.execute(cursors, hidden).scalar_one()
    for rows in (*_kept_pages(engine, changes), *batched(changes.new_rows, _BATCH_SIZE)):
        _write_rows(engine, generation_id, rows)
    return replace(changes, generation_id=generation_id)


def _opened(engine: sa.Engine, given: RefreshInput) -> int:
    """Return how many findings are no longer new, counting up to the limit."""
    if given.cursor_id is None or not given.is_different_run:
        return 0
    with engine.connect() as connection:
        return int(connection.execute(_COUNT_NEW, {"of_cursor": given.cursor_id}).scalar_one())


def show_generation(connection: sa.Connection, cursor_id: int, given: RefreshInput, generation_id: int) -> None:
    """Replace the rows of a runbook's cursor by a generation."""
    connection.execute(_UPDATE_CURSOR, {"of_cursor": cursor_id, "runbook_name": None, "run_id": None})
    shown = {"runbook_name": given.runbook, "run_id": given.run_id, "run_at": given.run_at}
    connection.execute(_UPDATE_CURSOR, {"of_cursor": generation_id, **shown, "snapshots": given.snapshots})


def remove_hidden_generations(engine: sa.Engine) -> None:
    """Delete the rows of cursors without a name, unless a running run is writing them."""
    with engine.connect() as connection:
        hidden = list(connection.scalars(_REMOVABLE))
    for cursor_id in hidden:
        while _removed_rows(engine, cursor_id):
            pass
        with writing(engine) as connection:
            connection.execute(_DELETE_CURSOR, {"of_cursor": cursor_id})


def add_locations(connection: sa.Connection, locations: Iterable[str]) -> None:
    """Add locations to those that location patterns are matched against."""
    rows = [{"location": location} for location in sorted(set(locations))]
    if rows:
        connection.execute(insert_ignore(connection, finding_locations), rows)


def _kept_pages(engine: sa.Engine, changes: StateChanges) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the rows that exist, as they are after the changes."""
    given, updates = changes.computed_from, dict(changes.updates)
    if given.cursor_id is None:
        return
    rows = sa.select(current_findings.c.id, *_COLUMNS).where(current_findings.c.cursor_id == given.cursor_id)
    for page in keyset_pages(engine, rows, current_findings.c.id, _BATCH_SIZE):
        yield [_changed_row(row, given, updates.get(row.id, {})) for row in page]


def _changed_row(row: Any, given: RefreshInput, changed: Mapping[str, Any]) -> dict[str, Any]:
    values = {column.name: row._mapping[column.name] for column in _COLUMNS}
    if given.is_different_run and values["state"] == "new":
        values["state"] = "open"
    return {**values, **changed}


def _write_rows(engine: sa.Engine, generation_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    with leaving_time_for_others(engine), writing(engine) as connection:
        connection.execute(sa.insert(current_findings), [{**row, "cursor_id": generation_id} for row in rows])
        add_locations(connection, (row["location"] for row in rows))


def _removed_rows(engine: sa.Engine, cursor_id: int) -> int:
    with leaving_time_for_others(engine), writing(engine) as connection:
        removed: int = connection.execute(_DELETE_SOME, {"of_cursor": cursor_id}).rowcount
    return removed


_UPDATE_CURSOR = sa.update(finding_state_cursors).where(finding_state_cursors.c.id == sa.bindparam("of_cursor"))
_DELETE_CURSOR = sa.delete(finding_state_cursors).where(finding_state_cursors.c.id == sa.bindparam("of_cursor"))
_NEW_ROWS = (
    sa.select(current_findings.c.id)
    .where(current_findings.c.cursor_id == sa.bindparam("of_cursor"), current_findings.c.state == "new")
    .limit(_MAX_DIRECT_CHANGES + 1)
)
_COUNT_NEW = sa.select(sa.func.count()).select_from(_NEW_ROWS.subquery())
_SOME_ROWS = (
    sa.select(current_findings.c.id).where(current_findings.c.cursor_id == sa.bindparam("of_cursor")).limit(_BATCH_SIZE)
)
_DELETE_SOME = (
    sa.delete(current_findings).where(current_findings.c.id.in_(_SOME_ROWS)).execution_options(preserve_rowcount=True)
)
_IS_BEING_WRITTEN = sa.exists().where(
    runs.c.id == finding_state_cursors.c.run_id, runs.c.status == RunStatus.RUNNING.value
)
_REMOVABLE = sa.select(finding_state_cursors.c.id).where(
    finding_state_cursors.c.runbook_name.is_(None),
    finding_state_cursors.c.run_id.is_(None) | ~_IS_BEING_WRITTEN,
)
