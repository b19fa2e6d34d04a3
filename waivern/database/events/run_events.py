"""The events of a run: opened, resumed, closed with the root over all that it made."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.events import event_rows
from waivern.database.events.run_merkle import RunProof
from waivern.database.schema.tables import runs
from waivern.history.event_log import EventKind

_FACTS = sa.select(
    runs.c.runbook_name, runs.c.runbook_digest, runs.c.status, runs.c.trigger, runs.c.started_at, runs.c.ended_at
).where(runs.c.id == sa.bindparam("of_run"))
_TELLS = sa.update(runs).where(runs.c.id == sa.bindparam("of_run"))


def opened(connection: sa.Connection, run_id: str, *, actor: str, at: datetime) -> None:
    """Say that the run has begun; after all else that its transaction writes."""
    run = connection.execute(_FACTS, {"of_run": run_id}).one()
    body = {"runbook": run.runbook_name, "runbook_digest": run.runbook_digest, "trigger": run.trigger}
    _append(connection, run_id, EventKind.RUN_OPENED, body, actor=actor, at=at)


def resumed(connection: sa.Connection, run_id: str, *, epoch: int, actor: str, at: datetime) -> None:
    """Say that the run goes on; after all else that its transaction writes."""
    _append(connection, run_id, EventKind.RUN_RESUMED, {"epoch": epoch}, actor=actor, at=at)


def closed(connection: sa.Connection, run_id: str, *, actor: str, at: datetime) -> None:
    """Say how the run ended, with what proves it; after all else that its transaction writes."""
    proof = RunProof.of(connection, run_id)
    run = connection.execute(_FACTS, {"of_run": run_id}).one()
    body = {
        "runbook": run.runbook_name,
        "runbook_digest": run.runbook_digest,
        "status": run.status,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "artifacts": proof.counts,
        "root": proof.root,
        "leaves": proof.leaves,
    }
    said = {name: value for name, value in body.items() if value is not None}
    _append(connection, run_id, EventKind.RUN_CLOSED, said, actor=actor, at=at)


def _append(
    connection: sa.Connection, run_id: str, kind: EventKind, body: dict[str, Any], *, actor: str, at: datetime
) -> None:
    event = event_rows.append(connection, actor=actor, kind=kind.value, body={"run": run_id, **body}, at=at)
    connection.execute(_TELLS, {"of_run": run_id, "event_seq": event.seq})
