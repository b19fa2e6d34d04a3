"""Restore decisions: only on request, only those that events prove, each with an event of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waivern.database.archive.archived_events import ArchivedEvents, Event, reference
from waivern.database.archive.archived_records import ArchivedRecords, refused
from waivern.database.connection.clock import database_now
from waivern.database.current.decision_rows import decision_from_row
from waivern.database.current.refresh import serialize_decisions
from waivern.database.events import event_rows
from waivern.database.events.decision_events import recorded
from waivern.database.schema.tables import decisions, runs
from waivern.errors import ArchiveError, DecisionError
from waivern.history.archives import RestoreOptions
from waivern.history.decisions import Decision
from waivern.history.events import EventKind

_TARGET = ("runbook_name", "fingerprint", "rule", "location")


@dataclass(frozen=True)
class RestoredDecisions:
    """The decisions of an archive that are not here, and how many conflict with others that are."""

    new: Sequence[Decision]
    conflicting: int


def restore_decisions(
    connection: sa.Connection,
    records: ArchivedRecords,
    events: ArchivedEvents,
    options: RestoreOptions,
    *,
    actor: str,
) -> RestoredDecisions:
    """Add the decisions about targets of which nothing else was decided here, if the options ask for that.

    Raises:
        ArchiveError: a decision is not valid or not about the archive's runs; or no event proves it, and the options
            do not allow that.
    """
    if options.with_decisions:
        serialize_decisions(connection)
    new, conflicting = _new_rows(connection, records)
    listed = [_checked(row) for row in new]
    if options.with_decisions:
        for row in new:
            _restore(connection, row, events.decision(recorded(row)), options, actor=actor)
    return RestoredDecisions(listed, conflicting)


def _new_rows(connection: sa.Connection, records: ArchivedRecords) -> tuple[list[dict[str, Any]], int]:
    runbooks = {row["runbook_name"] for row in records.rows(runs)}
    by_target: dict[Any, list[dict[str, Any]]] = {}
    for row in records.rows(decisions):
        if row["runbook_name"] is not None and row["runbook_name"] not in runbooks:
            raise refused(f"it holds a decision for the runbook '{row['runbook_name'][:80]}', but no run of it")
        by_target.setdefault(tuple(row[name] for name in _TARGET), []).append(row)
    new: list[dict[str, Any]] = []
    conflicting = 0
    for target, archived in by_target.items():
        here = [recorded(row._asdict()) for row in connection.execute(_decisions_about(target))]
        if here == [recorded(row) for row in archived[: len(here)]]:
            new += archived[len(here) :]
        else:
            conflicting += len(archived)
    return sorted(new, key=lambda row: (row["decided_at"], row["seq"] or 0)), conflicting


def _checked(row: Mapping[str, Any]) -> Decision:
    try:
        return decision_from_row(_Columns(row))
    except DecisionError as error:
        raise refused(f"it holds a decision that is not valid: {error.happened}") from None


class _Columns:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _restore(
    connection: sa.Connection, row: Mapping[str, Any], event: Event | None, options: RestoreOptions, *, actor: str
) -> None:
    is_proven = event is not None and event["body"].get("proven") is not False
    if not is_proven and not options.allow_unproven:
        raise ArchiveError(
            f"The archive is refused: no event proves its decision of {row['decided_by']} at {row['decided_at']}",
            remedy="Restore it without --with-decisions, or with --allow-unproven if you trust its source",
        )
    body: dict[str, Any] = {"decision": recorded(row), "proven": is_proven}
    if event is not None:
        body["from"] = reference(event)
    connection.execute(sa.insert(decisions), {name: value for name, value in row.items() if name != "seq"})
    at = database_now(connection)
    event_rows.append(connection, actor=actor, kind=EventKind.DECISION_RESTORED, body=body, at=at)


def _decisions_about(target: tuple[Any, ...]) -> sa.Select[Any]:
    columns = (decisions.c[name] for name in _TARGET)
    same = [
        column.is_(None) if value is None else column == value for column, value in zip(columns, target, strict=True)
    ]
    return sa.select(decisions).where(*same).order_by(decisions.c.seq)
