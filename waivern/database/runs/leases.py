"""Leases: for how long a running run stays with its owner, and when it is stale."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.schema.tables import runs

DEFAULT_LEASE_S = 30.0
LIVING_OWNER_GRACE = timedelta(seconds=120)
"""How long after its lease a run stays with an owner that is seen to be alive on this host."""


def is_stale(*, owner: str | None, lease_until: datetime | None, now: datetime) -> bool:
    """Return whether a running run has lost its owner: the process is dead, or the lease has expired.

    An owner that cannot renew its lease, because another process keeps the database locked or the machine was
    suspended, has not lost its run as long as it is seen to be alive on this host, up to `LIVING_OWNER_GRACE`. A
    stopped process (SIGSTOP) is not alive in this sense.
    """
    process = None if owner is None else ProcessIdentity.parse(owner)
    if lease_until is None:
        return True
    if lease_until > now:
        return process is not None and process.is_known_dead()
    return process is None or lease_until + LIVING_OWNER_GRACE <= now or not process.is_known_working()


def is_abandoned(run: Any, now: datetime) -> bool:
    """Return whether a service fails the attempt of a running run, given its row: if it is stale.

    Nobody else continues a run that a person started at a terminal, so it is only given up if its process has
    certainly ended: one that was stopped with Ctrl-Z, or whose laptop sleeps, may go on.
    """
    if run.runbook_path is None and run.worker_id is not None:
        return ProcessIdentity.parse(run.worker_id).is_known_dead()
    return is_stale(owner=run.worker_id, lease_until=run.lease_until, now=now)


def lease_end(engine: sa.Engine, lease_s: float) -> "sa.ColumnElement[object]":
    """Return when a lease that begins now ends, by the database's clock, because the clocks of hosts may differ.

    SQLite has one host and no clock of its own; there the value is a parameter named `lease_until`.
    """
    if engine.dialect.name == "sqlite":
        return sa.bindparam("lease_until", type_=runs.c.lease_until.type)
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
