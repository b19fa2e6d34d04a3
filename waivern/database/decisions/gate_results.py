"""The results of the gates of runs: a row for each gate."""

from collections.abc import Sequence

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.connection.clock import database_now
from waivern.database.events.event_rows import append
from waivern.database.runs.outbox import queue_gate_notifications
from waivern.database.schema.tables import run_gates
from waivern.history.events import EventKind
from waivern.history.gates import GateResult


def store_gate_results(
    connection: sa.Connection, run_id: str, results: Sequence[GateResult], *, caller: Caller
) -> None:
    """Replace the results of a run's gates, queue notifications if a gate failed, and record an event."""
    violations = {result.gate.text: result.violations for result in results}
    rows = [{"run_id": run_id, "gate": gate, "violations": number} for gate, number in violations.items()]
    now = database_now(connection)
    connection.execute(sa.delete(run_gates).where(run_gates.c.run_id == run_id))
    if rows:
        connection.execute(sa.insert(run_gates), rows)
    if any(violations.values()):
        queue_gate_notifications(connection, run_id, at=now)
    body = {"run": run_id, "violations": violations}
    append(connection, actor=str(caller), kind=EventKind.GATES_EVALUATED, body=body, at=now)


def gate_results_of(connection: sa.Connection, run_id: str) -> dict[str, int]:
    """Return {gate: number of violations} of a run."""
    query = sa.select(run_gates.c.gate, run_gates.c.violations).where(run_gates.c.run_id == run_id)
    return {row.gate: row.violations for row in connection.execute(query.order_by(run_gates.c.gate))}
