"""The current findings in the database: a page is a few rows of an index, however many findings there are."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.current.decision_rows import active_decisions
from waivern.database.current.finding_filters import PagePosition, index_conditions, no_index
from waivern.database.current.presences import finding_of_row, presences_of
from waivern.database.schema.tables import (
    current_findings,
    finding_state_cursors,
    findings,
)
from waivern.errors import UsageError
from waivern.history.current_findings import (
    CurrentFinding,
    CurrentFindings,
    FindingFilter,
    FindingStatus,
    Order,
    Presence,
)
from waivern.history.decisions import ActiveDecisions

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = re.compile(r"(\d)-(\d{1,17})-(\d{1,18})")
_AFTER_ALL_HEX_DIGITS = "g"


class SqlCurrentFindings(CurrentFindings):
    """Reads the tables that `refresh` writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(
        self, finding_filter: FindingFilter, *, order: Order, after: str | None, limit: int, today: date
    ) -> Sequence[CurrentFinding]:
        position = None if after is None else _position_of(after)
        found: list[CurrentFinding] = []
        with self._engine.connect() as connection:
            current = _CurrentReader(connection, today)
            while True:
                rows = _matching_rows(connection, finding_filter, order, position, limit=limit, today=today)
                page = (current.finding(row) for row in rows)
                found += [finding for finding in page if _has_status(finding, finding_filter.status)]
                if len(found) >= limit or len(rows) < limit:
                    return found[:limit]
                position = PagePosition(rows[-1].severity_rank, rows[-1].since, rows[-1].id)

    def fingerprints(self, prefix: str, *, limit: int) -> Sequence[str]:
        has_prefix = (findings.c.fingerprint >= prefix) & (findings.c.fingerprint < prefix + _AFTER_ALL_HEX_DIGITS)
        query = sa.select(findings.c.fingerprint).where(has_prefix).distinct().order_by(findings.c.fingerprint)
        with self._engine.connect() as connection:
            return list(connection.scalars(query.limit(limit)))

    def with_fingerprint(self, fingerprint: str, *, today: date) -> Sequence[CurrentFinding]:
        rows = _select_rows(self._engine.dialect.name)
        query = rows.where(current_findings.c.fingerprint == fingerprint).order_by(finding_state_cursors.c.runbook_name)
        with self._engine.connect() as connection:
            current = _CurrentReader(connection, today)
            return [current.finding(row) for row in connection.execute(query).all()]

    def presences_of(self, fingerprint: str) -> Sequence[Presence]:
        with self._engine.connect() as connection:
            return presences_of(connection, fingerprint)


class _CurrentReader:
    """Turns rows into findings with their status on a day."""

    def __init__(self, connection: sa.Connection, today: date) -> None:
        self._connection = connection
        self._today = today
        self._decisions: dict[str, ActiveDecisions] = {}

    def finding(self, row: Any) -> CurrentFinding:
        microseconds = (row.since - _UNIX_EPOCH) // timedelta(microseconds=1)
        is_present = row.last_run_id is None
        return CurrentFinding(
            key=f"{row.severity_rank}-{microseconds}-{row.id}",
            runbook=row.runbook_name,
            finding=finding_of_row(row),
            status=self._status(row),
            since=row.since,
            first_run=row.first_run_id,
            first_at=row.first_at,
            last_run=row.cursor_run_id if is_present else row.last_run_id,
            last_at=max(row.cursor_run_at if is_present else row.last_at, row.first_at),  # a run starts before it finds
        )

    def _status(self, row: Any) -> FindingStatus:
        verdict = None if row.state == "fixed" else self._verdict(row)
        return FindingStatus(verdict or row.state)

    def _verdict(self, row: Any) -> str | None:
        if row.until is None or row.until >= self._today:
            verdict: str | None = row.verdict
            return verdict
        decision = self._decisions_for(row.runbook_name).decision_on(row)
        return None if decision is None else decision.verdict.value

    def _decisions_for(self, runbook: str) -> ActiveDecisions:
        if runbook not in self._decisions:
            self._decisions[runbook] = active_decisions(self._connection, runbook, today=self._today)
        return self._decisions[runbook]


def _select_rows(dialect: str) -> sa.Select[Any]:
    return sa.select(
        current_findings,
        finding_state_cursors.c.runbook_name,
        finding_state_cursors.c.run_id.label("cursor_run_id"),
        finding_state_cursors.c.run_at.label("cursor_run_at"),
    ).join(
        finding_state_cursors,
        (finding_state_cursors.c.id == no_index(dialect, current_findings.c.cursor_id))
        & finding_state_cursors.c.runbook_name.is_not(None),
    )


def _matching_rows(
    connection: sa.Connection,
    finding_filter: FindingFilter,
    order: Order,
    after: PagePosition | None,
    *,
    limit: int,
    today: date,
) -> list[Any]:
    """Return up to `limit` rows that match a filter; those whose verdict has expired may have another status."""
    newest_first = _select_rows(connection.dialect.name).order_by(
        current_findings.c.since.desc(), current_findings.c.id.desc()
    )
    rows = {
        row.id: row
        for conditions in index_conditions(connection, finding_filter, order=order, after=after, today=today)
        for row in connection.execute(newest_first.where(*conditions).limit(limit))
    }
    return sorted(rows.values(), key=lambda row: _sort_key(order, row), reverse=True)[:limit]


def _has_status(finding: CurrentFinding, status: FindingStatus | None) -> bool:
    is_open = finding.status in (FindingStatus.NEW, FindingStatus.OPEN)
    return status is None or finding.status is status or (status is FindingStatus.OPEN and is_open)


def _sort_key(order: Order, row: Any) -> tuple[Any, ...]:
    by_time = (row.since, row.id)
    return by_time if order is Order.NEWEST else (row.severity_rank, *by_time)


def _position_of(key: str) -> PagePosition:
    match = _KEY.fullmatch(key)
    if match is None:
        raise UsageError(
            f"'{key}' is not a valid key", remedy="Give the `key` of the last finding of the previous page"
        )
    rank, microseconds, row_id = map(int, match.groups())
    return PagePosition(rank, _UNIX_EPOCH + timedelta(microseconds=microseconds), row_id)
