"""How the gates of runs came out, in the database."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from waivern.database.engine import writing
from waivern.database.tables import run_gates
from waivern.history.gates import GateLog, GateResult


class SqlGateLog(GateLog):
    """A row for each gate of a run."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, run_id: str, results: Sequence[GateResult]) -> None:
        rows = {each.gate.text: {"run_id": run_id, "gate": each.gate.text, "tripped": each.number} for each in results}
        with writing(self._engine) as connection:
            connection.execute(sa.delete(run_gates).where(run_gates.c.run_id == run_id))
            if rows:
                connection.execute(sa.insert(run_gates), list(rows.values()))

    def of_run(self, run_id: str) -> Mapping[str, int]:
        query = sa.select(run_gates.c.gate, run_gates.c.tripped).where(run_gates.c.run_id == run_id)
        with self._engine.connect() as connection:
            return {row.gate: row.tripped for row in connection.execute(query.order_by(run_gates.c.gate))}
