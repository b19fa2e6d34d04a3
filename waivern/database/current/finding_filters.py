"""Filters of findings as SQL conditions, each of which one index answers.

The index is chosen here, because SQLite does not know how many rows have which value, and Postgres not always.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.operators import custom_op

from waivern.database.schema.tables import current_findings, finding_locations, finding_state_cursors
from waivern.history.current_findings import FindingFilter, FindingStatus, Order
from waivern.history.location_pattern import LocationPattern
from waivern.severity import SEVERITIES

Condition = sa.ColumnElement[bool]
Columns = Mapping[str, sa.ColumnElement[Any]]


class PagePosition(NamedTuple):
    """The position after which a list continues."""

    rank: int
    since: datetime
    id: int


_MAX_IDS = 5_000
_MAX_LOCATIONS = 1_000
_AFTER_ALL_CHARACTERS = "\U0010ffff"
_DECIDED = (FindingStatus.SUPPRESSED, FindingStatus.ACCEPTED)


def index_conditions(
    connection: sa.Connection, finding_filter: FindingFilter, *, order: Order, after: PagePosition | None, today: date
) -> Iterator[list[Condition]]:
    """Yield lists of conditions; a row that matches one of the lists matches the filter.

    Rows whose stored verdict has expired match every status except `fixed`: the reader decides which one they have.
    """
    ids = None if finding_filter.location is None else _ids_at(connection, LocationPattern(finding_filter.location))
    index = "id" if ids is not None else _index_for(finding_filter, order)
    conditions = _filter_conditions(connection, finding_filter, _columns(connection, index), ids)
    for by_position in _position_conditions(finding_filter, order, after, _columns(connection, index)):
        for by_status in _status_conditions(finding_filter.status, today, _columns(connection, index)):
            yield [*conditions, *by_position, *by_status]
    if finding_filter.status in _DECIDED:
        expired = _expired_condition(connection, today)
        if expired is not None:
            by_id = _columns(connection, "id")
            conditions = _filter_conditions(connection, finding_filter, by_id, ids)
            for by_position in _position_conditions(finding_filter, order, after, by_id):
                yield [*conditions, *by_position, expired]


def no_index(dialect: str, column: "sa.Column[Any]") -> sa.ColumnElement[Any]:
    """Return a column for comparisons for which SQLite must not use an index; a unary plus has that effect."""
    if dialect != "sqlite":
        return column
    return sa.UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def matches_location(dialect: str, pattern: LocationPattern) -> Condition:
    """Return the condition that a finding is at a location that matches."""
    location = current_findings.c.location
    return sa.and_(_has_prefix(dialect, pattern, location), _matches(dialect, pattern, location))


def _columns(connection: sa.Connection, index: str | None) -> Columns:
    dialect = connection.dialect.name
    return {
        column.name: column if column.name == index else no_index(dialect, column)
        for column in current_findings.columns
    }


def _filter_conditions(
    connection: sa.Connection, finding_filter: FindingFilter, columns: Columns, ids: list[int] | None
) -> list[Condition]:
    conditions: list[Condition] = []
    if ids is not None:
        conditions.append(current_findings.c.id.in_(ids))
    elif finding_filter.location is not None:
        pattern = LocationPattern(finding_filter.location)
        conditions.append(_matches(connection.dialect.name, pattern, columns["location"]))
    if finding_filter.runbook is not None:
        of_runbook = finding_state_cursors.c.runbook_name == finding_filter.runbook
        cursor_id = connection.execute(sa.select(finding_state_cursors.c.id).where(of_runbook)).scalar_one_or_none()
        conditions.append(columns["cursor_id"] == (-1 if cursor_id is None else cursor_id))
    if finding_filter.category is not None:
        conditions.append(columns["category"] == finding_filter.category)
    if finding_filter.since is not None:
        conditions.append(current_findings.c.since >= finding_filter.since)
    return conditions


def _position_conditions(
    finding_filter: FindingFilter, order: Order, after: PagePosition | None, columns: Columns
) -> Iterator[list[Condition]]:
    for rank in _ranks(finding_filter.severity, order, after):
        conditions = [] if rank is None else [columns["severity_rank"] == rank]
        if after is not None and (order is Order.NEWEST or rank == after.rank):
            conditions.append(_is_after(after))
        yield conditions


def _ranks(severity: str | None, order: Order, after: PagePosition | None) -> Sequence[int | None]:
    """Return the severities that are queried one by one, without those that earlier pages have listed completely."""
    if severity is None and order is Order.NEWEST:
        return [None]
    ranks = range(len(SEVERITIES)) if severity is None else [SEVERITIES.index(severity)]
    if order is Order.NEWEST or after is None:
        return ranks
    return [rank for rank in ranks if rank <= after.rank]


def _is_after(after: PagePosition) -> Condition:
    position = sa.literal(after.since, current_findings.c.since.type), sa.literal(after.id, current_findings.c.id.type)
    return sa.tuple_(current_findings.c.since, current_findings.c.id) < sa.tuple_(*position)


def _index_for(finding_filter: FindingFilter, order: Order) -> str | None:
    """Return the column whose index is used: the one of whose value there are the fewest rows, as far as is known."""
    rare = {FindingStatus.SUPPRESSED: "verdict", FindingStatus.ACCEPTED: "verdict"}
    rare |= {FindingStatus.NEW: "state", FindingStatus.UNKNOWN: "state"}
    if finding_filter.status in rare:
        return rare[finding_filter.status]
    is_filtered = {
        "cursor_id": finding_filter.runbook is not None,
        "category": finding_filter.category is not None,
        "severity_rank": finding_filter.severity is not None or order is Order.SEVERITY,
        "state": finding_filter.status is not None,
    }
    return next((name for name, is_it in is_filtered.items() if is_it), None)


def _status_conditions(status: FindingStatus | None, today: date, columns: Columns) -> Iterator[list[Condition]]:
    state, verdict, until = columns["state"], columns["verdict"], current_findings.c.until
    undecided = current_findings.c.verdict.is_(None) | (until.is_not(None) & (until < today))
    if status is None:
        yield []
    elif status in _DECIDED:
        yield [verdict == status.value, until.is_(None) | (until >= today), state != "fixed"]
    elif status is FindingStatus.FIXED:
        yield [state == "fixed"]
    elif status is FindingStatus.OPEN:
        yield [state == "new", undecided]
        yield [state == "open", undecided]
    else:
        yield [state == status.value, undecided]


def _expired_condition(connection: sa.Connection, today: date) -> Condition | None:
    """Return the condition that a stored verdict has expired; None if that is true of no row.

    They are few, if any: closing a run replaces the expired verdicts of its runbook.
    """
    expired = current_findings.c.until < today
    ids = _few_ids(connection, expired)
    if ids is None:
        return expired
    return current_findings.c.id.in_(ids) if ids else None


def _ids_at(connection: sa.Connection, pattern: LocationPattern) -> list[int] | None:
    """Return the findings at matching locations if they are few; if they are many, a scan in any order soon finds one.

    Matching locations are looked up among all locations, of which there are fewer than findings.
    """
    dialect, location = connection.dialect.name, current_findings.c.location
    if pattern.prefix:
        has_prefix = _has_prefix(dialect, pattern, location)
        if _few_ids(connection, has_prefix) is not None:
            return _few_ids(connection, has_prefix, _matches(dialect, pattern, location))
    matching = sa.select(finding_locations.c.location).where(_matches(dialect, pattern, finding_locations.c.location))
    locations = list(connection.scalars(matching.limit(_MAX_LOCATIONS + 1)))
    return None if len(locations) > _MAX_LOCATIONS else _few_ids(connection, location.in_(locations))


def _few_ids(connection: sa.Connection, *conditions: Condition) -> list[int] | None:
    ids = list(connection.scalars(sa.select(current_findings.c.id).where(*conditions).limit(_MAX_IDS + 1)))
    return None if len(ids) > _MAX_IDS else ids


def _has_prefix(dialect: str, pattern: LocationPattern, location: "sa.Column[str]") -> Condition:
    prefix = pattern.prefix
    if pattern.is_literal:
        return location == prefix
    # the operators that compare by bytes, as the index does
    at_least, below = (">=", "<") if dialect == "sqlite" else ("~>=~", "~<~")
    low: Any = location.op(at_least, is_comparison=True)(prefix)
    high: Any = location.op(below, is_comparison=True)(prefix + _AFTER_ALL_CHARACTERS)
    return sa.and_(low, high)


def _matches(dialect: str, pattern: LocationPattern, location: sa.ColumnElement[str]) -> Condition:
    if pattern.is_literal:
        return location == pattern.text
    if dialect == "sqlite":  # whose LIKE ignores case
        matching: Any = location.op("GLOB", is_comparison=True)(pattern.text.replace("[", "[[]"))
        return sa.and_(matching)
    text = pattern.text
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return location.like(text.replace("*", "%").replace("?", "_"), escape="\\")
