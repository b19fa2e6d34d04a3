"""Which decisions no longer apply: the expired ones, and those of a file that match no finding."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from waivern.database.current.decision_rows import active_decisions
from waivern.database.current.finding_filters import matches_location, no_index
from waivern.database.current.refresh import newest_complete
from waivern.database.schema.tables import current_findings, decisions, finding_state_cursors
from waivern.history.decisions import Decision, InactiveDecision, InactiveReason, Origin
from waivern.history.location_pattern import LocationPattern


def inactive_decisions(connection: sa.Connection, runbook: str | None, *, today: date) -> list[InactiveDecision]:
    """Return the inactive decisions of one runbook, or of all, each once."""
    runbooks = _runbooks_with_decisions(connection, today) if runbook is None else [runbook]
    found = (inactive for name in runbooks for inactive in _inactive_of_runbook(connection, name, today))
    return list(dict.fromkeys(found))


def _inactive_of_runbook(connection: sa.Connection, runbook: str, today: date) -> Iterator[InactiveDecision]:
    decisions_of_runbook = active_decisions(connection, runbook, today=today)
    for decision in decisions_of_runbook.expired:
        if decision.origin is Origin.FILE or _matches_a_finding(connection, runbook, decision):
            yield InactiveDecision(decision, InactiveReason.EXPIRED)
    from_file = [decision for decision in decisions_of_runbook.active if decision.origin is Origin.FILE]
    if from_file and connection.execute(newest_complete(runbook)).first() is not None:
        for decision in from_file:
            if not _matches_a_finding(connection, runbook, decision):
                yield InactiveDecision(decision, InactiveReason.STALE)


def _runbooks_with_decisions(connection: sa.Connection, today: date) -> list[str]:
    """Return the runbooks with a file of decisions, and those with findings about which a decision has expired."""
    with_file = sa.select(decisions.c.runbook_name).where(decisions.c.runbook_name.is_not(None))
    expired = sa.select(decisions.c.fingerprint).where(decisions.c.runbook_name.is_(None), decisions.c.until < today)
    with_findings = (
        sa.select(finding_state_cursors.c.runbook_name)
        .join(current_findings, current_findings.c.cursor_id == finding_state_cursors.c.id)
        .where(current_findings.c.fingerprint.in_(expired), finding_state_cursors.c.runbook_name.is_not(None))
    )
    return sorted(connection.scalars(sa.union(with_file, with_findings)))


def _matches_a_finding(connection: sa.Connection, runbook: str, decision: Decision) -> bool:
    """Return whether a finding of the runbook that is not fixed matches the decision."""
    cursor_id = (
        sa.select(finding_state_cursors.c.id).where(finding_state_cursors.c.runbook_name == runbook).scalar_subquery()
    )
    dialect, pattern = connection.dialect.name, LocationPattern(decision.location or "")
    of_runbook: sa.ColumnElement[Any] = current_findings.c.cursor_id
    if decision.fingerprint is not None:
        target = [current_findings.c.fingerprint == decision.fingerprint]
    else:
        target = [current_findings.c.rule == decision.rule, matches_location(dialect, pattern)]
        if pattern.prefix:  # then the index of locations finds it, and not the runbook's findings one by one
            of_runbook = no_index(dialect, current_findings.c.cursor_id)
    unfixed = (of_runbook == cursor_id, current_findings.c.state != "fixed")
    return connection.execute(sa.select(current_findings.c.id).where(*unfixed, *target).limit(1)).first() is not None
