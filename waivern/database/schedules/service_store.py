"""What services share, stored in the database."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.runs import outbox
from waivern.database.runs.run_records import is_interrupted
from waivern.database.schema.tables import periodic_tasks, runs, schedules, services
from waivern.runs.notifications import DueNotification
from waivern.runs.run import RunStatus, new_run_id
from waivern.runs.service_store import HEARTBEAT_S, RunningRun, ServiceRecord, ServiceStore, Status
from waivern.schedules.schedule import ScheduleStatus

_ALIVE_WITHIN = timedelta(seconds=3 * HEARTBEAT_S)
_ONE_DAY = timedelta(days=1)
_DELETED_AFTER = _ONE_DAY
_ACTIVE_SCHEDULES = sa.select(sa.func.count()).where(schedules.c.status == ScheduleStatus.ACTIVE.value)
_QUEUE = sa.select(sa.func.count(), sa.func.min(runs.c.created_at)).where(runs.c.status == RunStatus.QUEUED.value)
_RUNNING = (
    sa.select(runs, schedules.c.name.label("schedule_name"))
    .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
    .where(runs.c.status == RunStatus.RUNNING.value)
    .order_by(runs.c.created_at, runs.c.id)
)


class SqlServiceStore(ServiceStore):
    """Rows for services, notifications and periodic tasks."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(self, *, kind: str, workers: int, version: str) -> str:
        with writing(self._engine) as connection:
            now = database_now(connection)
            connection.execute(sa.delete(services).where(services.c.heartbeat_at < now - _DELETED_AFTER))
            row = {
                "id": new_run_id(now),
                "kind": kind,
                "owner": str(ProcessIdentity.this_process()),
                "version": version,
                "workers": workers,
                "started_at": now,
                "heartbeat_at": now,
            }
            connection.execute(sa.insert(services), row)
            return str(row["id"])

    def heartbeat(self, service_id: str) -> bool:
        return self._set_now(service_id, "heartbeat_at")

    def deregister(self, service_id: str) -> None:
        self._set_now(service_id, "stopped_at")

    def status(self) -> Status:
        with self._engine.connect() as connection:
            now = database_now(connection)
            recent = sa.select(services).where(services.c.heartbeat_at >= now - _DELETED_AFTER).order_by(services.c.id)
            queued, oldest_queued_at = connection.execute(_QUEUE).one()
            return Status(
                now=now,
                services=[_service(row, now) for row in connection.execute(recent)],
                queued=queued,
                oldest_queued_at=oldest_queued_at,
                running=[_running(row) for row in connection.execute(_RUNNING) if not is_interrupted(row, now)],
                schedules=connection.execute(_ACTIVE_SCHEDULES).scalar_one(),
            )

    def free_bytes(self) -> int | None:
        path = self._engine.url.database
        if self._engine.dialect.name != "sqlite" or not path:
            return None
        return shutil.disk_usage(Path(path.removeprefix("file:").partition("?")[0]).absolute().parent).free

    def claim_notifications(self, *, limit: int) -> Sequence[DueNotification]:
        with self._engine.connect() as connection:  # check without a write lock: usually nothing is due
            if not outbox.has_due(connection):
                return []
        with writing(self._engine) as connection:
            return outbox.claim_due(connection, limit=limit)

    def notification_delivered(self, notification: DueNotification) -> None:
        with writing(self._engine) as connection:
            outbox.mark_delivered(connection, notification)

    def notification_failed(self, notification: DueNotification, *, error: str, retry_in_s: float | None) -> None:
        with writing(self._engine) as connection:
            outbox.mark_failed(connection, notification, error=error, retry_in_s=retry_in_s)

    def claim_periodic_task(self, name: str, *, next_run_at: datetime) -> bool:
        with writing(self._engine) as connection:
            first_claim = {"name": name, "next_run_at": next_run_at}
            connection.execute(insert_ignore(connection, periodic_tasks), first_claim)
            is_task, stored = periodic_tasks.c.name == name, periodic_tasks.c.next_run_at
            too_late = stored > next_run_at + _ONE_DAY  # by a clock that was ahead
            connection.execute(sa.update(periodic_tasks).where(is_task, too_late).values(next_run_at=next_run_at))
            claim = sa.update(periodic_tasks).where(is_task, stored <= database_now(connection))
            return connection.execute(claim.values(next_run_at=next_run_at)).rowcount == 1

    def _set_now(self, service_id: str, column: str) -> bool:
        with writing(self._engine) as connection:
            now = database_now(connection)
            updated = connection.execute(sa.update(services).where(services.c.id == service_id), {column: now})
            return updated.rowcount == 1


def _service(row: Any, now: datetime) -> ServiceRecord:
    owner = ProcessIdentity.parse(row.owner)
    has_recent_heartbeat = abs(now - row.heartbeat_at) <= _ALIVE_WITHIN  # a future one is by a clock that was ahead
    return ServiceRecord(
        id=row.id,
        kind=row.kind,
        host=owner.host,
        pid=owner.pid,
        version=row.version,
        workers=row.workers,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        stopped_at=row.stopped_at,
        is_alive=row.stopped_at is None and has_recent_heartbeat and not owner.is_known_dead(),
    )


def _running(row: Any) -> RunningRun:
    owner = ProcessIdentity.parse(row.worker_id)
    return RunningRun(
        run_id=row.id,
        runbook=row.runbook_name,
        schedule=row.schedule_name,
        host=owner.host,
        pid=owner.pid,
        attempt=row.attempts,
        started_at=row.started_at,
        lease_until=row.lease_until,
        deadline=row.deadline,
    )
