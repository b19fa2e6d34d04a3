"""How the gates of runs came out, in the database."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.events.event_rows import append
from waivern.database.runs.outbox import queue_gate_notices
from waivern.database.schema.tables import run_gates
from waivern.history.events import EventKind
from waivern.history.gates import GateLog, GateResult


class SqlGateLog(GateLog):
    """A row for each gate of a run."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, run_id: str, results: Sequence[GateResult], *, by: str) -> None:
        tripped = {each.gate.text: each.number for each in results}
        rows = [{"run_id": run_id, "gate": gate, "tripped": number} for gate, number in tripped.items()]
        with writing(self._engine) as connection:
            now = database_now(connection)
            connection.execute(sa.delete(run_gates).where(run_gates.c.run_id == run_id))
            if rows:
                connection.execute(sa.insert(run_gates), rows)
            if any(tripped.values()):
                queue_gate_notices(connection, run_id, at=now)
            body = {"run": run_id, "tripped": tripped}
            append(connection, actor=by, kind=EventKind.GATES_EVALUATED, body=body, at=now)

    def of_run(self, run_id: str) -> Mapping[str, int]:
        query = sa.select(run_gates.c.gate, run_gates.c.tripped).where(run_gates.c.run_id == run_id)
        with self._engine.connect() as connection:
            return {row.gate: row.tripped for row in connection.execute(query.order_by(run_gates.c.gate))}
