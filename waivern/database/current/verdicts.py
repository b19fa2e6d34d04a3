"""Verdicts stored beside the current findings, so that an index finds the suppressed and accepted ones.

A stored verdict comes from `ActiveDecisions`, as every verdict does, and is valid up to and including `until`. A reader
that meets one whose `until` has passed asks `ActiveDecisions` again: another decision may apply by then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.batches import batched
from waivern.database.current.decision_rows import active_decisions
from waivern.database.schema.tables import current_findings, finding_state_cursors
from waivern.history.decisions import ActiveDecisions, Decidable, Decision, Verdict

RowUpdate = tuple[int, Mapping[str, Any]]
"""The id of a row of `current_findings`, and its new values."""

_FINGERPRINTS_PER_QUERY = 500
_JUDGED = sa.select(
    *(current_findings.c[name] for name in ("id", "fingerprint", "rule", "location", "verdict", "until"))
)
_UPDATE_VERDICT = sa.update(current_findings).where(current_findings.c.id == sa.bindparam("of_row"))


def verdict_values(finding: Decidable, decisions: ActiveDecisions) -> dict[str, Any]:
    """Return the columns `verdict` and `until` of a finding."""
    newest = decisions.newest_on(finding)
    if newest is None:
        return {"verdict": None, "until": None}
    verdict = None if newest.verdict is Verdict.REOPENED else newest.verdict.value
    return {"verdict": verdict, "until": newest.until}


def changed_verdicts(rows: Iterable[Any], decisions: ActiveDecisions) -> Iterator[RowUpdate]:
    """Yield the updates for rows whose stored verdict differs from what the decisions say."""
    for row in rows:
        values = verdict_values(row, decisions)
        if values != {"verdict": row.verdict, "until": row.until}:
            yield row.id, values


def rows_with_verdicts(connection: sa.Connection, cursor_id: int, *, expired_on: date | None) -> Sequence[Any]:
    """Return the rows of a cursor with their stored verdicts: all, or those whose verdict has expired on a day."""
    rows = _JUDGED.where(current_findings.c.cursor_id == cursor_id)
    if expired_on is not None:
        rows = rows.where(current_findings.c.until < expired_on)
    return connection.execute(rows).all()


def verdicts_changed_by(
    connection: sa.Connection, runbook: str, changed: Collection[Decision], decisions: ActiveDecisions
) -> list[RowUpdate]:
    """Return the updates for the findings of a runbook that match changed decisions."""
    cursor_id = (
        sa.select(finding_state_cursors.c.id).where(finding_state_cursors.c.runbook_name == runbook).scalar_subquery()
    )
    judged = _JUDGED.where(current_findings.c.cursor_id == cursor_id)
    rows: dict[int, Any] = {}
    fingerprints = [decision.fingerprint for decision in changed if decision.fingerprint is not None]
    for batch in batched(fingerprints, _FINGERPRINTS_PER_QUERY):
        query = judged.where(current_findings.c.fingerprint.in_(batch))
        rows.update((row.id, row) for row in connection.execute(query))
    rules = sorted({decision.rule for decision in changed if decision.rule is not None})
    for rule_batch in batched(rules, _FINGERPRINTS_PER_QUERY):
        query = judged.where(current_findings.c.rule.in_(rule_batch))
        rows.update((row.id, row) for row in connection.execute(query))
    return list(changed_verdicts(rows.values(), decisions))


def apply_decision(connection: sa.Connection, decision: Decision, *, today: date) -> None:
    """Update the verdict of the finding that a decision is about, in every runbook that has it."""
    runbooks = (
        sa.select(finding_state_cursors.c.runbook_name)
        .join(current_findings, current_findings.c.cursor_id == finding_state_cursors.c.id)
        .where(
            current_findings.c.fingerprint == decision.fingerprint, finding_state_cursors.c.runbook_name.is_not(None)
        )
    )
    for runbook in connection.scalars(runbooks).all():
        active = active_decisions(connection, runbook, today=today)
        write_verdicts(connection, verdicts_changed_by(connection, runbook, [decision], active))


def write_verdicts(connection: sa.Connection, updates: Iterable[RowUpdate]) -> None:
    """Write updates of the columns `verdict` and `until`."""
    rows = [{"of_row": row_id, **values} for row_id, values in updates]
    if rows:
        connection.execute(_UPDATE_VERDICT, rows)
