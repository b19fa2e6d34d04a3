"""What was decided, written beside the findings that it is about, so that they can be asked for by it."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from waivern.database.current.decision_rows import decisions_in_force
from waivern.database.schema.tables import current_findings, finding_state_cursors
from waivern.history.decisions import Decision, DecisionsInForce
from waivern.history.finding import Finding

_JUDGED = (current_findings.c.verdict, current_findings.c.until)
_ROWS = sa.select(
    current_findings.c.id, *(current_findings.c[name] for name in Finding.__struct_fields__), *_JUDGED
).where(current_findings.c.cursor_id == sa.bindparam("of_head"))
_WRITE = sa.update(current_findings).where(current_findings.c.id == sa.bindparam("of_row"))


def judge(connection: sa.Connection, cursor_id: int, runbook: str, *, today: date, only: str | None = None) -> None:
    """Write down what counts for the findings of a runbook, or only for the one with this fingerprint."""
    in_force = decisions_in_force(connection, runbook, today=today)
    rows = _ROWS if only is None else _ROWS.where(current_findings.c.fingerprint == only)
    concerned: dict[int, Any] = {}
    for condition in [current_findings.c.verdict.is_not(None), *_concerned(in_force.standing)]:
        for row in connection.execute(rows.where(condition), {"of_head": cursor_id}):
            concerned[row.id] = row
    for row in concerned.values():
        _write(connection, row, in_force)


def judge_everywhere(connection: sa.Connection, fingerprint: str, *, today: date) -> None:
    """Write down what counts for a finding, in each runbook that has it."""
    having_it = (
        sa.select(finding_state_cursors.c.id, finding_state_cursors.c.runbook_name)
        .join(current_findings, current_findings.c.cursor_id == finding_state_cursors.c.id)
        .where(current_findings.c.fingerprint == fingerprint)
    )
    for cursor_id, runbook in connection.execute(having_it).all():
        judge(connection, cursor_id, runbook, today=today, only=fingerprint)


def _concerned(standing: Iterable[Decision]) -> Iterator[sa.ColumnElement[bool]]:
    for decision in standing:
        if decision.fingerprint is not None:
            yield current_findings.c.fingerprint == decision.fingerprint
        else:
            yield current_findings.c.rule == decision.rule


def _write(connection: sa.Connection, row: Any, in_force: DecisionsInForce) -> None:
    decision = in_force.on(Finding(*row[1:-2]))
    judged = (None, None) if decision is None else (decision.verdict.value, decision.until)
    if judged != (row.verdict, row.until):
        connection.execute(_WRITE, {"of_row": row.id, "verdict": judged[0], "until": judged[1]})
