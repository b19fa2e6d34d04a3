"""The events of a run: opened, resumed, closed. Append them last in their transaction, see `event_rows`."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waivern.database.events import event_rows
from waivern.database.events.run_merkle import RunMerkle
from waivern.database.schema.tables import runs
from waivern.history.events import EventKind

_RUN = sa.select(
    runs.c.runbook_name, runs.c.runbook_digest, runs.c.status, runs.c.trigger, runs.c.started_at, runs.c.ended_at
).where(runs.c.id == sa.bindparam("wanted_run"))
_SET_EVENT_SEQ = sa.update(runs).where(runs.c.id == sa.bindparam("wanted_run"))


def opened(connection: sa.Connection, run_id: str, *, actor: str, at: datetime) -> None:
    """Record that a run has started."""
    run = connection.execute(_RUN, {"wanted_run": run_id}).one()
    body = {"runbook": run.runbook_name, "runbook_digest": run.runbook_digest, "trigger": run.trigger}
    _append(connection, run_id, EventKind.RUN_OPENED, body, actor=actor, at=at)


def resumed(connection: sa.Connection, run_id: str, *, epoch: int, actor: str, at: datetime) -> None:
    """Record that a run continues under a new epoch."""
    _append(connection, run_id, EventKind.RUN_RESUMED, {"epoch": epoch}, actor=actor, at=at)


def closed(connection: sa.Connection, run_id: str, *, actor: str, at: datetime) -> None:
    """Record how a run ended, with the Merkle root over its rows."""
    merkle = RunMerkle.of(connection, run_id)
    run = connection.execute(_RUN, {"wanted_run": run_id}).one()
    body = {
        "runbook": run.runbook_name,
        "runbook_digest": run.runbook_digest,
        "status": run.status,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "artifacts": merkle.counts,
        "root": merkle.root,
        "leaf_prefixes": merkle.leaf_prefixes,
    }
    body = {name: value for name, value in body.items() if value is not None}
    _append(connection, run_id, EventKind.RUN_CLOSED, body, actor=actor, at=at)


def _append(
    connection: sa.Connection, run_id: str, kind: EventKind, body: dict[str, Any], *, actor: str, at: datetime
) -> None:
    event = event_rows.append(connection, actor=actor, kind=kind.value, body={"run": run_id, **body}, at=at)
    connection.execute(_SET_EVENT_SEQ, {"wanted_run": run_id, "event_seq": event.seq})
