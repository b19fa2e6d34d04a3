"""Which findings are asked for, as conditions that an index answers."""

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


class After(NamedTuple):
    """The place in a list behind which it goes on."""

    rank: int
    since: datetime
    id: int


_FEW = 5_000
_FEW_PLACES = 1_000
_BEYOND_ALL = "\U0010ffff"


def parts_of(
    connection: sa.Connection, wanted: FindingFilter, *, order: Order, after: After | None, today: date
) -> Iterator[list[Condition]]:
    """Yield the conditions of a filter, in parts of which each is read from one index, the newest first.

    Which one is said here: SQLite knows nothing of how many rows have which value, and Postgres not always.
    """
    dialect = connection.dialect.name
    pattern = None if wanted.location is None else LocationPattern(wanted.location)
    ids = None if pattern is None else _ids_at(connection, pattern)
    index = "id" if ids is not None else _index_for(wanted, order)
    columns = {each.name: each if each.name == index else beside(dialect, each) for each in current_findings.columns}
    conditions: list[Condition] = []
    if ids is not None:
        conditions.append(current_findings.c.id.in_(ids))
    elif pattern is not None:
        conditions.append(_matches(dialect, pattern, columns["location"]))
    if wanted.runbook is not None:
        named = sa.select(finding_state_cursors.c.id).where(finding_state_cursors.c.runbook_name == wanted.runbook)
        cursor_id = connection.execute(named).scalar_one_or_none()
        conditions.append(columns["cursor_id"] == (-1 if cursor_id is None else cursor_id))
    if wanted.category is not None:
        conditions.append(columns["category"] == wanted.category)
    if wanted.since is not None:
        conditions.append(current_findings.c.since >= wanted.since)
    for rank in _ranks(wanted.severity, order, after):
        of_rank = [] if rank is None else [columns["severity_rank"] == rank]
        beyond = [] if after is None or (order is Order.SEVERITY and rank != after.rank) else [_is_beyond(after)]
        for standing in _standings(wanted.status, today, columns):
            yield [*conditions, *of_rank, *beyond, *standing]


def beside(dialect: str, column: "sa.Column[Any]") -> sa.ColumnElement[Any]:
    """Return a column to be compared row by row: no index of it is to be taken."""
    if dialect != "sqlite":
        return column
    return sa.UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def _ranks(severity: str | None, order: Order, after: After | None) -> Sequence[int | None]:
    """The severities that are parts by themselves, without those that were listed whole."""
    if severity is None and order is Order.NEWEST:
        return [None]
    ranks = range(len(SEVERITIES)) if severity is None else [SEVERITIES.index(severity)]
    if order is Order.NEWEST or after is None:
        return ranks
    return [rank for rank in ranks if rank <= after.rank]


def _is_beyond(after: After) -> Condition:
    place = sa.literal(after.since, current_findings.c.since.type), sa.literal(after.id, current_findings.c.id.type)
    return sa.tuple_(current_findings.c.since, current_findings.c.id) < sa.tuple_(*place)


def _index_for(wanted: FindingFilter, order: Order) -> str | None:
    """The column whose index is read: that of which the fewest rows have the value, as far as can be known."""
    rare = {FindingStatus.SUPPRESSED: "verdict", FindingStatus.ACCEPTED: "verdict"}
    rare |= {FindingStatus.NEW: "state", FindingStatus.UNKNOWN: "state"}
    if wanted.status in rare:
        return rare[wanted.status]
    asked = {
        "cursor_id": wanted.runbook is not None,
        "category": wanted.category is not None,
        "severity_rank": wanted.severity is not None or order is Order.SEVERITY,
        "state": wanted.status is not None,
    }
    return next((name for name, is_asked in asked.items() if is_asked), None)


def _standings(
    status: FindingStatus | None, today: date, columns: Mapping[str, sa.ColumnElement[Any]]
) -> Iterator[list[Condition]]:
    state, verdict, until = columns["state"], columns["verdict"], current_findings.c.until
    undecided = current_findings.c.verdict.is_(None) | (until.is_not(None) & (until < today))
    if status is None:
        yield []
    elif status in (FindingStatus.SUPPRESSED, FindingStatus.ACCEPTED):
        yield [verdict == status.value, until.is_(None) | (until >= today), state != "fixed"]
    elif status is FindingStatus.FIXED:
        yield [state == "fixed"]
    elif status is FindingStatus.OPEN:
        yield [state == "new", undecided]
        yield [state == "open", undecided]
    else:
        yield [state == status.value, undecided]


def at_place(dialect: str, pattern: LocationPattern) -> Condition:
    """Return the condition that a finding is at such a place."""
    return sa.and_(
        _begins(dialect, pattern, current_findings.c.location), _matches(dialect, pattern, current_findings.c.location)
    )


def _ids_at(connection: sa.Connection, pattern: LocationPattern) -> list[int] | None:
    """The findings at such places, where they are few; None where they are many, so that one is soon met in any order.

    Which places there are is looked up among the places, of which there are fewer than findings.
    """
    dialect, place = connection.dialect.name, current_findings.c.location
    if pattern.beginning:
        begins = _begins(dialect, pattern, place)
        if _few_ids(connection, begins) is not None:
            return _few_ids(connection, begins, _matches(dialect, pattern, place))
    matching = sa.select(finding_locations.c.location).where(_matches(dialect, pattern, finding_locations.c.location))
    places = list(connection.scalars(matching.limit(_FEW_PLACES + 1)))
    return None if len(places) > _FEW_PLACES else _few_ids(connection, place.in_(places))


def _few_ids(connection: sa.Connection, *conditions: Condition) -> list[int] | None:
    ids = list(connection.scalars(sa.select(current_findings.c.id).where(*conditions).limit(_FEW + 1)))
    return None if len(ids) > _FEW else ids


def _begins(dialect: str, pattern: LocationPattern, place: "sa.Column[str]") -> Condition:
    beginning = pattern.beginning
    least, beyond = (">=", "<") if dialect == "sqlite" else ("~>=~", "~<~")  # by bytes, as the index has them
    if pattern.is_exact:
        return place == beginning
    low: Any = place.op(least, is_comparison=True)(beginning)
    high: Any = place.op(beyond, is_comparison=True)(beginning + _BEYOND_ALL)
    return sa.and_(low, high)


def _matches(dialect: str, pattern: LocationPattern, place: sa.ColumnElement[str]) -> Condition:
    if pattern.is_exact:
        return place == pattern.text
    if dialect == "sqlite":  # whose LIKE takes upper and lower case for the same
        matching: Any = place.op("GLOB", is_comparison=True)(pattern.text.replace("[", "[[]"))
        return sa.and_(matching)
    text = pattern.text
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return place.like(text.replace("*", "%").replace("?", "_"), escape="\\")
