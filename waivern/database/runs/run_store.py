"""The run store in the database."""

import functools
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from waivern.caller import Caller
from waivern.database.blobs.key_check import refuse_unknown_keys
from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.current.generations import remove_hidden_generations
from waivern.database.current.refresh import prepare_refresh
from waivern.database.events import run_events
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.runs.artifact_store import SqlArtifactStore
from waivern.database.runs.leases import DEFAULT_LEASE_S, is_abandoned
from waivern.database.runs.run_closing import close_attempt, close_run, open_attempt, set_attempt_worker
from waivern.database.runs.run_log import SqlRunLog
from waivern.database.runs.run_opening import (
    insert_plan,
    insert_runbook,
    locked_claim,
    locked_run,
    refuse_changed_runbook,
    refuse_unresumable,
    reset_artifacts,
)
from waivern.database.runs.run_queue import (
    IS_RUNNING,
    any_claimable,
    claimed_run,
    count_releases,
    fail_or_requeue,
    fence_off,
    next_claimable,
    queued_row,
    queued_runs_of,
    requeue,
)
from waivern.database.runs.run_writer import RunWriter
from waivern.database.schema.tables import runs
from waivern.errors import RunError
from waivern.runs.run import UNFINISHED, RunStatus, new_run_id
from waivern.runs.run_store import (
    MAX_FREE_RELEASES,
    RELEASED,
    ClaimedRun,
    NewRun,
    RunHandle,
    RunState,
    RunStore,
    StaleRun,
)

if TYPE_CHECKING:  # slow to import; see `waivern.runs.run_store`
    from waivern.plans.plan import ExecutionPlan

_NO_HEARTBEAT = "its worker sent no heartbeat"
_RELEASED_TOO_OFTEN = f"it was released {MAX_FREE_RELEASES} times, by stopped services or after database outages"


class SqlRunStore(RunStore):
    """Creates and claims runs for this process, or for a process that it started.

    On Postgres a claimant skips rows that another one has locked (`FOR UPDATE SKIP LOCKED`); on SQLite one process
    claims at a time.

    Args:
        engine: The database.
        lease_s: Seconds without a heartbeat after which another process may take over a run.
    """

    def __init__(self, engine: sa.Engine, *, lease_s: float = DEFAULT_LEASE_S) -> None:
        self._engine = engine
        self._lease = timedelta(seconds=lease_s)

    @property
    def lease_s(self) -> float:
        return self._lease.total_seconds()

    def create(
        self, plan: "ExecutionPlan", *, trigger: str, caller: Caller, reanalysis_of: str | None = None
    ) -> RunHandle:
        with writing(self._engine) as connection:
            refuse_unknown_keys(connection)
            now = database_now(connection)
            run_id = new_run_id(now)
            insert_runbook(connection, plan)
            row = {
                "id": run_id,
                "runbook_digest": plan.digest,
                "runbook_name": plan.runbook.name,
                "trigger": trigger,
                "reanalysis_of": reanalysis_of,
                "epoch": 1,
                "created_at": now,
                "started_at": now,
                **self._ownership(plan, now),
            }
            number = connection.scalars(sa.insert(runs).returning(runs.c.number), row).one()
            insert_plan(connection, run_id, plan)
            open_attempt(connection, run_id, 1, worker=str(ProcessIdentity.this_process()), at=now)
            run_events.opened(connection, run_id, actor=str(caller), at=now)
        return self._handle(run_id, number, 1, frozenset(), caller)

    def resume(self, run_id: str, plan: "ExecutionPlan", *, caller: Caller) -> RunHandle:
        with writing(self._engine) as connection:
            refuse_unknown_keys(connection)
            run = locked_run(connection, run_id)
            now = database_now(connection)
            refuse_unresumable(run, plan, now)
            epoch = run.epoch + 1
            columns = {"epoch": epoch, "attempts": run.attempts + 1, "ended_at": None, "error": None}
            connection.execute(sa.update(runs).where(runs.c.id == run_id), {**columns, **self._ownership(plan, now)})
            close_attempt(connection, run_id, RunStatus.INTERRUPTED.value, at=now, error=None)
            open_attempt(connection, run_id, epoch, worker=str(ProcessIdentity.this_process()), at=now)
            already_succeeded = reset_artifacts(connection, run, plan)
            run_events.resumed(connection, run_id, epoch=epoch, actor=str(caller), at=now)
        return self._handle(run_id, run.number, epoch, already_succeeded, caller)

    def adopt_claimed(self, claimed: ClaimedRun, plan: "ExecutionPlan", *, caller: Caller) -> RunHandle:
        with writing(self._engine) as connection:
            refuse_unknown_keys(connection)
            run = locked_claim(connection, claimed)
            now = database_now(connection)
            insert_runbook(connection, plan)
            columns = {
                "runbook_digest": plan.digest,
                "runbook_name": plan.runbook.name,
                "started_at": run.started_at or now,
                **self._ownership(plan, now),
            }
            connection.execute(sa.update(runs).where(runs.c.id == claimed.run_id), columns)
            set_attempt_worker(connection, claimed.run_id, claimed.epoch, worker=str(ProcessIdentity.this_process()))
            already_succeeded: frozenset[str] = frozenset()
            if run.runbook_digest is None:
                insert_plan(connection, claimed.run_id, plan)
                run_events.opened(connection, claimed.run_id, actor=str(caller), at=now)
            else:
                refuse_changed_runbook(run, plan)
                already_succeeded = reset_artifacts(connection, run, plan)
                run_events.resumed(connection, claimed.run_id, epoch=claimed.epoch, actor=str(caller), at=now)
        return self._handle(claimed.run_id, run.number, claimed.epoch, already_succeeded, caller, is_claimed=True)

    def enqueue(self, run: NewRun) -> str:
        with writing(self._engine) as connection:
            row = queued_row(run, now=database_now(connection))
            connection.execute(sa.insert(runs), row)
            return str(row["id"])

    def claim(self) -> ClaimedRun | None:
        with self._engine.connect() as connection:  # idle workers ask often, so first without a lock
            if not any_claimable(connection):
                return None
        with writing(self._engine) as connection:
            now = database_now(connection)
            run = next_claimable(connection, now)
            if run is None:
                return None
            worker = str(ProcessIdentity.this_process())
            connection.execute(
                sa.update(runs).where(runs.c.id == run.id),
                {
                    "status": RunStatus.RUNNING.value,
                    "epoch": run.epoch + 1,
                    "attempts": run.attempts + 1,
                    "worker_id": worker,
                    "lease_until": now + self._lease,
                    "ended_at": None,
                    "error": None,
                },
            )
            open_attempt(connection, run.id, run.epoch + 1, worker=worker, at=now)
            return claimed_run(run)

    def states_of(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        query = sa.select(runs.c.id, runs.c.epoch, runs.c.status).where(runs.c.id.in_(run_ids))
        with self._engine.connect() as connection:
            return {row.id: RunState(row.epoch, RunStatus(row.status)) for row in connection.execute(query)}

    def close(self, run_id: str, epoch: int, status: RunStatus, *, caller: Caller, error: str | None = None) -> bool:
        prepared = prepare_refresh(self._engine, run_id, status)
        with writing(self._engine) as connection:
            if not fence_off(connection, run_id, epoch):
                return False
            now = database_now(connection)
            close_run(connection, run_id, status, caller=caller, at=now, error=error, prepared=prepared)
            return True

    def fail_attempt(self, run_id: str, epoch: int, *, caller: Caller, error: str) -> StaleRun | None:
        prepared = prepare_refresh(self._engine, run_id, RunStatus.INTERRUPTED)
        with writing(self._engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).first()
            if run is None or not fence_off(connection, run_id, epoch):
                return None
            return fail_or_requeue(connection, run, error, caller=caller, prepared=prepared)

    def release(self, run_id: str, epoch: int, *, caller: Caller) -> bool:
        prepared = prepare_refresh(self._engine, run_id, RunStatus.INTERRUPTED)
        with writing(self._engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).first()
            if run is None or not fence_off(connection, run_id, epoch):
                return False
            if count_releases(connection, run_id) >= MAX_FREE_RELEASES:
                fail_or_requeue(connection, run, _RELEASED_TOO_OFTEN, caller=caller, prepared=prepared)
                return True
            requeue(connection, run_id, attempts=run.attempts - 1)
            close_attempt(connection, run_id, RELEASED, at=database_now(connection), error=None)
            return True

    def reap_stale(self, *, caller: Caller) -> Sequence[StaleRun]:
        with self._engine.connect() as connection:
            now = database_now(connection)
            running = connection.execute(sa.select(runs).where(IS_RUNNING)).all()
        stale = [run for run in running if is_abandoned(run, now)]
        return [reaped for run in stale if (reaped := self._reaped(run, caller)) is not None]

    def queued_of(self, schedule_id: str) -> Sequence[str]:
        with self._engine.connect() as connection:
            return queued_runs_of(connection, schedule_id)

    def cancel_queued(self, run_ids: Collection[str], *, caller: Caller) -> Sequence[str]:
        queued = (RunStatus.QUEUED,)
        return [run_id for run_id in run_ids if self._cancel(run_id, queued, caller) is RunStatus.QUEUED]

    def cancel(self, run_id: str, *, caller: Caller) -> RunStatus:
        before = self._cancel(run_id, UNFINISHED, caller)
        if before not in UNFINISHED:
            raise RunError(f"The run {run_id} has already ended: {before.value.replace('_', ' ')}")
        return before

    def _cancel(self, run_id: str, statuses: Collection[RunStatus], caller: Caller) -> RunStatus:
        """Cancel a run if it has one of these statuses; return its status before."""
        prepared = prepare_refresh(self._engine, run_id, RunStatus.CANCELLED)
        with writing(self._engine) as connection:
            run = locked_run(connection, run_id)
            before = RunStatus(run.status)
            if before in statuses:
                connection.execute(sa.update(runs).where(runs.c.id == run_id), {"epoch": run.epoch + 1})
                at, status = database_now(connection), RunStatus.CANCELLED
                close_run(connection, run_id, status, caller=caller, at=at, error=None, prepared=prepared)
            return before

    def _reaped(self, run: Any, caller: Caller) -> StaleRun | None:
        """Fail a stale run's attempt, or return None if its worker has sent a heartbeat since the run was read.

        If the worker was stopped in the middle of a write, Postgres keeps the row locked until it ends that
        connection. SKIP LOCKED keeps other stale runs from waiting for it.
        """
        prepared = prepare_refresh(self._engine, run.id, RunStatus.INTERRUPTED)
        with writing(self._engine) as connection:
            unlocked = sa.select(runs.c.id).where(runs.c.id == run.id).with_for_update(skip_locked=True)
            if connection.execute(unlocked).first() is None:
                return None
            if not fence_off(connection, run.id, run.epoch, runs.c.lease_until == run.lease_until):
                return None
            return fail_or_requeue(connection, run, _NO_HEARTBEAT, caller=caller, prepared=prepared)

    def _handle(
        self,
        run_id: str,
        number: int,
        epoch: int,
        already_succeeded: frozenset[str],
        caller: Caller,
        *,
        is_claimed: bool = False,
    ) -> RunHandle:
        writer = RunWriter(self._engine, run_id=run_id, run_number=number, epoch=epoch, lease_s=self.lease_s)
        collect = functools.partial(_remove_garbage, self._engine, caller)
        prepare = functools.partial(prepare_refresh, self._engine, run_id)
        log = SqlRunLog(
            writer,
            already_succeeded,
            prepare_refresh=prepare,
            collect_garbage=collect,
            caller=caller,
            is_claimed=is_claimed,
        )
        return RunHandle(run_id, epoch, SqlArtifactStore(self._engine, writer), log, already_succeeded)

    def _ownership(self, plan: "ExecutionPlan", now: datetime) -> dict[str, Any]:
        timeout_s = plan.runbook.config.timeout
        return {
            "status": RunStatus.RUNNING.value,
            "worker_id": str(ProcessIdentity.this_process()),
            "lease_until": now + self._lease,
            "deadline": None if timeout_s is None else now + timedelta(seconds=timeout_s),
        }


def _remove_garbage(engine: sa.Engine, caller: Caller) -> None:
    collect_garbage(engine, actor=str(caller))
    remove_hidden_generations(engine)
