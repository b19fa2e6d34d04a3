"""Which decisions count no more: those whose last day is past, and those of a file that nothing matches."""

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from waivern.database.current.decision_rows import decisions_in_force
from waivern.database.current.finding_filters import at_place
from waivern.database.current.refresh import newest_complete
from waivern.database.schema.tables import current_findings, decisions, finding_state_cursors
from waivern.history.decisions import Decision, Lapse, Lapsed, Origin
from waivern.history.location_pattern import LocationPattern


def lapsed_decisions(connection: sa.Connection, runbook: str | None, *, today: date) -> list[Lapsed]:
    """Return those of one runbook, or of all, each once."""
    runbooks = _with_decisions(connection, today) if runbook is None else [runbook]
    return list(dict.fromkeys(lapsed for each in runbooks for lapsed in _of_runbook(connection, each, today)))


def _of_runbook(connection: sa.Connection, runbook: str, today: date) -> Iterator[Lapsed]:
    in_force = decisions_in_force(connection, runbook, today=today)
    for decision in in_force.expired:
        if decision.origin is Origin.FILE or _matches_something(connection, runbook, decision):
            yield Lapsed(decision, Lapse.EXPIRED)
    of_file = [each for each in in_force.standing if each.origin is Origin.FILE]
    if of_file and connection.execute(newest_complete(runbook)).first() is not None:
        for decision in of_file:
            if not _matches_something(connection, runbook, decision):
                yield Lapsed(decision, Lapse.STALE)


def _with_decisions(connection: sa.Connection, today: date) -> list[str]:
    """The runbooks with decisions of a file, and those with findings about which somebody's word has expired."""
    of_files = sa.select(decisions.c.runbook_name).where(decisions.c.runbook_name.is_not(None))
    expired = sa.select(decisions.c.fingerprint).where(decisions.c.runbook_name.is_(None), decisions.c.until < today)
    of_findings = (
        sa.select(finding_state_cursors.c.runbook_name)
        .join(current_findings, current_findings.c.cursor_id == finding_state_cursors.c.id)
        .where(current_findings.c.fingerprint.in_(expired))
    )
    return sorted(connection.scalars(sa.union(of_files, of_findings)))


def _matches_something(connection: sa.Connection, runbook: str, decision: Decision) -> bool:
    """Say whether a finding of the runbook that is not fixed is what the decision is about."""
    cursor_id = (
        sa.select(finding_state_cursors.c.id).where(finding_state_cursors.c.runbook_name == runbook).scalar_subquery()
    )
    if decision.fingerprint is not None:
        meant = [current_findings.c.fingerprint == decision.fingerprint]
    else:
        at = at_place(connection.dialect.name, LocationPattern(decision.location or ""))
        meant = [current_findings.c.rule == decision.rule, at]
    held = (current_findings.c.cursor_id == cursor_id, current_findings.c.state != "fixed")
    return connection.execute(sa.select(current_findings.c.id).where(*held, *meant).limit(1)).first() is not None
