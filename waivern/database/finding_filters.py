"""Which findings are asked for, as conditions that an index answers."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from waivern.database.settling import SEVERITIES
from waivern.database.tables import finding_heads, known_findings
from waivern.history.known_findings import FindingFilter, FindingStatus
from waivern.history.place_pattern import PlacePattern

Condition = sa.ColumnElement[bool]

_FEW = 5_000
_BEYOND_ALL = "\U0010ffff"


def standings(status: FindingStatus | None, today: date) -> Iterator[list[Condition]]:
    """Yield the conditions for one status, in parts of which each is a range of one index."""
    state, verdict, until = known_findings.c.state, known_findings.c.verdict, known_findings.c.until
    undecided = verdict.is_(None) | (until.is_not(None) & (until < today))
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


def conditions_of(connection: sa.Connection, wanted: FindingFilter) -> list[Condition]:
    """Return the conditions of a filter, but for its status."""
    conditions: list[Condition] = []
    if wanted.runbook is not None:
        named = sa.select(finding_heads.c.id).where(finding_heads.c.runbook_name == wanted.runbook)
        head_id = connection.execute(named).scalar_one_or_none()
        conditions.append(known_findings.c.head_id == (-1 if head_id is None else head_id))
    if wanted.category is not None:
        conditions.append(known_findings.c.category == wanted.category)
    if wanted.severity is not None:
        conditions.append(known_findings.c.severity_rank == SEVERITIES.index(wanted.severity))
    if wanted.since is not None:
        conditions.append(known_findings.c.since >= wanted.since)
    if wanted.location is not None:
        conditions += _at(connection, PlacePattern(wanted.location))
    return conditions


def at_place(dialect: str, pattern: PlacePattern) -> Condition:
    """Return the condition that a finding is at such a place."""
    return sa.and_(_begins(dialect, pattern), _matches(dialect, pattern))


def _at(connection: sa.Connection, pattern: PlacePattern) -> list[Condition]:
    """Where few places begin as the pattern does, these are read; else one is soon met in the order of the list."""
    begins = _begins(connection.dialect.name, pattern)
    matches = _matches(connection.dialect.name, pattern)
    if not pattern.beginning:
        return [matches]
    ids = sa.select(known_findings.c.id).where(begins).limit(_FEW + 1)
    if len(connection.execute(ids).all()) > _FEW:
        return [matches]
    few = sa.select(known_findings.c.id).where(begins, matches)
    return [known_findings.c.id.in_(list(connection.scalars(few)))]


def _begins(dialect: str, pattern: PlacePattern) -> Condition:
    place, beginning = known_findings.c.place, pattern.beginning
    least, beyond = (">=", "<") if dialect == "sqlite" else ("~>=~", "~<~")  # by bytes, as the index has them
    if pattern.is_exact:
        return place == beginning
    low: Any = place.op(least, is_comparison=True)(beginning)
    high: Any = place.op(beyond, is_comparison=True)(beginning + _BEYOND_ALL)
    return sa.and_(low, high)


def _matches(dialect: str, pattern: PlacePattern) -> Condition:
    place = known_findings.c.place
    if pattern.is_exact:
        return place == pattern.text
    if dialect == "sqlite":  # whose LIKE takes upper and lower case for the same
        matching: Any = place.op("GLOB", is_comparison=True)(pattern.text.replace("[", "[[]"))
        return sa.and_(matching)
    text = pattern.text
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return place.like(text.replace("*", "%").replace("?", "_"), escape="\\")
