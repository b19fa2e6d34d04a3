"""Leases: for how long a running run stays with its owner, and when it is stale."""

from datetime import datetime

import sqlalchemy as sa

from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.schema.tables import runs

DEFAULT_LEASE_S = 30.0


def is_stale(*, owner: str | None, lease_until: datetime | None, now: datetime) -> bool:
    """Return whether a running run has lost its owner: the process is dead, or the lease has expired."""
    if lease_until is None or lease_until <= now:
        return True
    return owner is not None and ProcessIdentity.parse(owner).is_known_dead()


def lease_end(engine: sa.Engine, lease_s: float) -> "sa.ColumnElement[object]":
    """Return when a lease that begins now ends, by the database's clock, because the clocks of hosts may differ.

    SQLite has one host and no clock of its own; there the value is a parameter named `lease_until`.
    """
    if engine.dialect.name == "sqlite":
        return sa.bindparam("lease_until", type_=runs.c.lease_until.type)
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
