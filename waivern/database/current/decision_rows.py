"""Decisions as rows of the database."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from waivern.database.schema.tables import decisions
from waivern.history.decisions import ActiveDecisions, Decision, Origin, Verdict

DECISIONS = sa.select(decisions).order_by(decisions.c.seq)
"""All decisions, oldest first."""

_SAME_NAME = ("fingerprint", "rule", "location", "reason", "owner", "until", "decided_at", "decided_by")


def active_decisions(connection: sa.Connection, runbook: str, *, today: date) -> ActiveDecisions:
    """Return the decisions that apply to the findings of a runbook, within the caller's transaction."""
    return ActiveDecisions(decisions_for(connection, runbook), today=today)


def decisions_for(connection: sa.Connection, runbook: str) -> list[Decision]:
    """Return all decisions that were made for a runbook or for every runbook, oldest first."""
    for_runbook = decisions.c.runbook_name.is_(None) | (decisions.c.runbook_name == runbook)
    return [decision_from_row(row) for row in connection.execute(DECISIONS.where(for_runbook))]


def newest_decision_seq(connection: sa.Connection) -> int:
    """Return the number of the newest decision; 0 if there is none."""
    return connection.execute(sa.select(sa.func.max(decisions.c.seq))).scalar_one() or 0


def decision_row(decision: Decision) -> dict[str, Any]:
    """Return the row of a decision."""
    values = {name: getattr(decision, name) for name in _SAME_NAME}
    converted = {
        "verdict": decision.verdict.value,
        "origin": decision.origin.value,
        "runbook_name": decision.runbook,
    }
    return {**values, **converted}


def decision_from_row(row: Any) -> Decision:
    """Return the decision of a row."""
    values = {name: getattr(row, name) for name in _SAME_NAME}
    return Decision(verdict=Verdict(row.verdict), origin=Origin(row.origin), runbook=row.runbook_name, **values)
