"""Writing one run: behind a fence, so that whoever lost the run changes nothing."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from waivern.database.runs.group_commit import GroupCommitWriter
from waivern.database.schema.tables import runs
from waivern.errors import RunTakenOverError
from waivern.runs.run import RunStatus, utc_now

DEFAULT_LEASE_S = 30.0

_FENCE = sa.update(runs).where(
    runs.c.id == sa.bindparam("fenced_run"),
    runs.c.epoch == sa.bindparam("fenced_epoch"),
    runs.c.status == RunStatus.RUNNING.value,
)


class RunWriter(GroupCommitWriter):
    """The one way in which a process writes to a run that it owns under `epoch`.

    Every transaction first renews the run's lease, which fails where another process has raised the epoch or the run
    was closed. With nothing to write it renews the lease all the same, three times within each.

    Args:
        engine: Where the run is kept.
        run_id: The run.
        run_number: What rows of artifacts name it by.
        epoch: Under which number this process owns it.
        lease_s: Seconds for which the run stays this process's without a sign of life.
    """

    def __init__(
        self, engine: sa.Engine, *, run_id: str, run_number: int, epoch: int, lease_s: float = DEFAULT_LEASE_S
    ) -> None:
        self.run_id = run_id
        self.run_number = run_number
        self.epoch = epoch
        self.begun: dict[str, datetime] = {}  # when work at which artifacts began, until they are saved
        self._renewal = _FENCE.values(lease_until=lease_end(engine, lease_s))
        self._lease_s = lease_s
        super().__init__(engine, guard=self._renew, keep_alive_s=lease_s / 3)

    def _renew(self, connection: sa.Connection) -> None:
        parameters = {"fenced_run": self.run_id, "fenced_epoch": self.epoch}
        if connection.dialect.name == "sqlite":
            parameters["lease_until"] = utc_now() + timedelta(seconds=self._lease_s)
        if connection.execute(self._renewal, parameters).rowcount != 1:
            raise RunTakenOverError(
                f"The run {self.run_id} is no longer this process's: another took it up, or it was closed",
                remedy="See `waivern history show` for what became of it",
            )


def lease_end(engine: sa.Engine, lease_s: float) -> "sa.ColumnElement[object]":
    """When a lease that begins now ends, by the database's clock: hosts may disagree about the time.

    SQLite has one host and no clock of its own; there the value is a parameter named `lease_until`.
    """
    if engine.dialect.name == "sqlite":
        return sa.bindparam("lease_until", type_=runs.c.lease_until.type)
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
