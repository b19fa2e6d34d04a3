"""How findings stand, read from the database: a page is a few rows of an index, whatever the number of findings."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.engine import writing
from waivern.database.current.finding_filters import After, beside, parts_of
from waivern.database.current.refresh import newest_complete, settle
from waivern.database.schema.tables import (
    artifacts,
    current_findings,
    finding_state_cursors,
    finding_streams,
    findings,
    runs,
)
from waivern.errors import UsageError
from waivern.history.current_findings import CurrentFinding, CurrentFindings, FindingFilter, FindingStatus, Order, Stay
from waivern.history.finding import Finding

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = re.compile(r"(\d)-(\d{1,17})-(\d{1,18})")
_BEYOND_HEX = "g"


def _rows(dialect: str) -> sa.Select[Any]:
    return sa.select(
        current_findings,
        finding_state_cursors.c.runbook_name,
        finding_state_cursors.c.run_id.label("head_run_id"),
        finding_state_cursors.c.run_at.label("head_run_at"),
    ).join(finding_state_cursors, finding_state_cursors.c.id == beside(dialect, current_findings.c.cursor_id))


class SqlCurrentFindings(CurrentFindings):
    """Reads what `settling` writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def settle(self, *, today: date) -> None:
        with self._engine.connect() as connection:
            behind = list(connection.scalars(_BEHIND))
        for runbook in behind:
            with writing(self._engine) as connection:
                settle(connection, runbook, today=today)

    def page(
        self, wanted: FindingFilter, *, order: Order, after: str | None, limit: int, today: date
    ) -> Sequence[CurrentFinding]:
        beyond = None if after is None else _place_of(after)
        with self._engine.connect() as connection:
            newest = _rows(connection.dialect.name).order_by(
                current_findings.c.since.desc(), current_findings.c.id.desc()
            )
            rows = [
                row
                for part in parts_of(connection, wanted, order=order, after=beyond, today=today)
                for row in connection.execute(newest.where(*part).limit(limit))
            ]
        rows.sort(key=lambda row: _place_in(order, row), reverse=True)
        return [_known(row, today) for row in rows[:limit]]

    def fingerprints(self, beginning: str, *, limit: int) -> Sequence[str]:
        begins_so = (findings.c.fingerprint >= beginning) & (findings.c.fingerprint < beginning + _BEYOND_HEX)
        query = sa.select(findings.c.fingerprint).where(begins_so).distinct().order_by(findings.c.fingerprint)
        with self._engine.connect() as connection:
            return list(connection.scalars(query.limit(limit)))

    def with_fingerprint(self, fingerprint: str, *, today: date) -> Sequence[CurrentFinding]:
        rows = _rows(self._engine.dialect.name)
        query = rows.where(current_findings.c.fingerprint == fingerprint).order_by(finding_state_cursors.c.runbook_name)
        with self._engine.connect() as connection:
            return [_known(row, today) for row in connection.execute(query)]

    def stays_of(self, fingerprint: str) -> Sequence[Stay]:
        with self._engine.connect() as connection:
            rows = connection.execute(_HOLDERS, {"of_fingerprint": fingerprint}).all()
            stays = [
                stay
                for _, ranges in groupby(rows, key=lambda row: row.stream_id)
                for stay in _stays(connection, list(ranges))
            ]
        return sorted(stays, key=lambda stay: (stay.runbook, stay.first_at, stay.artifact_id))


def _place_in(order: Order, row: Any) -> tuple[Any, ...]:
    by_time = (row.since, row.id)
    return by_time if order is Order.NEWEST else (row.severity_rank, *by_time)


def _place_of(key: str) -> After:
    found = _KEY.fullmatch(key)
    if found is None:
        raise UsageError(f"'{key}' is no key", remedy="Give the `key` of the last finding of the page before")
    rank, microseconds, row_id = map(int, found.groups())
    return After(rank, _EPOCH + timedelta(microseconds=microseconds), row_id)


def _known(row: Any, today: date) -> CurrentFinding:
    microseconds = (row.since - _EPOCH) // timedelta(microseconds=1)
    is_held = row.last_run_id is None
    return CurrentFinding(
        key=f"{row.severity_rank}-{microseconds}-{row.id}",
        runbook=row.runbook_name,
        finding=_finding(row),
        status=_status(row, today),
        since=row.since,
        first_run=row.first_run_id,
        first_at=row.first_at,
        last_run=row.head_run_id if is_held else row.last_run_id,
        last_at=max(row.head_run_at if is_held else row.last_at, row.first_at),  # a run begins before it finds
    )


def _finding(row: Any) -> Finding:
    return Finding(**{name: getattr(row, name) for name in Finding.__struct_fields__})


def _status(row: Any, today: date) -> FindingStatus:
    is_decided = row.verdict is not None and (row.until is None or row.until >= today)
    return FindingStatus(row.verdict if is_decided and row.state != "fixed" else row.state)


def _stays(connection: sa.Connection, ranges: Sequence[Any]) -> Iterator[Stay]:
    """The runs of a line's runbook that held the finding, those together that follow one another."""
    looked = connection.execute(_LOOKED, {"of_name": ranges[0].runbook_name, "of_artifact": ranges[0].artifact_id})
    for held_as, some in groupby(looked, key=lambda run: _held_as(run.snapshot_seq, ranges)):
        if held_as is not None:
            in_order = list(some)
            first, last = in_order[0], in_order[-1]
            yield Stay(
                *(held_as.runbook_name, held_as.artifact_id, _finding(held_as)),
                *(first.id, first.started_at or first.created_at),
                *(last.id, last.started_at or last.created_at),
                len(in_order),
            )


def _held_as(seq: int, ranges: Sequence[Any]) -> Any:
    return next(
        (row for row in ranges if row.valid_from <= seq and (row.valid_to is None or seq <= row.valid_to)), None
    )


_HOLDERS = (
    sa.select(findings, finding_streams.c.runbook_name, finding_streams.c.artifact_id)
    .join(finding_streams, finding_streams.c.id == findings.c.stream_id)
    .where(findings.c.fingerprint == sa.bindparam("of_fingerprint"))
    .order_by(findings.c.stream_id, findings.c.valid_from)
)
_LOOKED = (
    sa.select(runs.c.id, runs.c.started_at, runs.c.created_at, artifacts.c.snapshot_seq)
    .join(artifacts, artifacts.c.run_number == runs.c.number)
    .where(runs.c.runbook_name == sa.bindparam("of_name"), artifacts.c.artifact_id == sa.bindparam("of_artifact"))
    .where(artifacts.c.snapshot_seq.is_not(None))
    .order_by(runs.c.created_at, runs.c.id)
)
_NAMES = sa.select(finding_streams.c.runbook_name).distinct().subquery()
_NEWEST = newest_complete(_NAMES.c.runbook_name).correlate(_NAMES).scalar_subquery()
_BEHIND = (
    sa.select(_NAMES.c.runbook_name)
    .join(finding_state_cursors, finding_state_cursors.c.runbook_name == _NAMES.c.runbook_name, isouter=True)
    .where(finding_state_cursors.c.run_id.is_(None) | finding_state_cursors.c.run_id.is_distinct_from(_NEWEST))
    .order_by(_NAMES.c.runbook_name)
)
