"""Writes of one run, fenced by its epoch: a process that has lost the run changes nothing."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from waivern.database.runs.group_commit import GroupCommitWriter
from waivern.database.runs.leases import DEFAULT_LEASE_S, lease_end
from waivern.database.schema.tables import runs
from waivern.errors import RunTakenOverError
from waivern.runs.run import RunStatus, utc_now

_FENCE = sa.update(runs).where(
    runs.c.id == sa.bindparam("fenced_run"),
    runs.c.epoch == sa.bindparam("fenced_epoch"),
    runs.c.status == RunStatus.RUNNING.value,
)


class RunWriter(GroupCommitWriter):
    """The only writer of a run that this process owns under `epoch`.

    Every transaction first renews the run's lease, which fails if another process has raised the epoch or closed the
    run. If there is nothing to write, the lease is still renewed three times within its length.

    Args:
        engine: The database.
        run_id: The run.
        run_number: The number by which artifact rows refer to the run.
        epoch: The epoch under which this process owns the run.
        lease_s: Seconds for which the run stays with this process without a heartbeat.
    """

    def __init__(
        self, engine: sa.Engine, *, run_id: str, run_number: int, epoch: int, lease_s: float = DEFAULT_LEASE_S
    ) -> None:
        self.run_id = run_id
        self.run_number = run_number
        self.epoch = epoch
        self.started_at: dict[str, datetime] = {}  # of artifacts that are being executed, until they are saved
        self._renewal = _FENCE.values(lease_until=lease_end(engine, lease_s))
        self._lease_s = lease_s
        super().__init__(engine, guard=self._renew, keep_alive_s=lease_s / 3)

    def _renew(self, connection: sa.Connection) -> None:
        parameters = {"fenced_run": self.run_id, "fenced_epoch": self.epoch}
        if connection.dialect.name == "sqlite":
            parameters["lease_until"] = utc_now() + timedelta(seconds=self._lease_s)
        if connection.execute(self._renewal, parameters).rowcount != 1:
            raise RunTakenOverError(
                f"The run {self.run_id} no longer belongs to this process: another one resumed it, or it was closed",
                remedy="`waivern history show` shows its status",
            )
