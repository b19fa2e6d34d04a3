"""Decisions as rows."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import decisions
from waivern.history.decisions import Decision, DecisionsInForce, Origin, Verdict

OLDEST_FIRST = sa.select(decisions).order_by(decisions.c.seq)
_SAID = ("fingerprint", "rule", "location", "reason", "owner", "until", "decided_at", "decided_by")


def decisions_in_force(connection: sa.Connection, runbook: str, *, today: date) -> DecisionsInForce:
    """What counts for the findings of a runbook on a day, within the caller's transaction."""
    meant = decisions.c.runbook_name.is_(None) | (decisions.c.runbook_name == runbook)
    rows = connection.execute(OLDEST_FIRST.where(meant))
    return DecisionsInForce((decision_of(row) for row in rows), today=today)


def row_of(decision: Decision) -> dict[str, Any]:
    """Return a decision as the values of its row."""
    said = {name: getattr(decision, name) for name in _SAID}
    kinds = {"verdict": decision.verdict.value, "origin": decision.origin.value, "runbook_name": decision.runbook}
    return {**said, **kinds}


def decision_of(row: Any) -> Decision:
    """Return the decision that a row holds."""
    said = {name: getattr(row, name) for name in _SAID}
    return Decision(verdict=Verdict(row.verdict), origin=Origin(row.origin), runbook=row.runbook_name, **said)
