"""Services in the database."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.schema.tables import runs, schedules, services
from waivern.runs.run import RunStatus, new_run_id
from waivern.runs.service_register import SIGN_OF_LIFE_S, RunningRun, ServiceRecord, ServiceRegister, Status
from waivern.schedules.schedule import ScheduleStatus

_MISSED_SIGNS = 3
_REMEMBERED = timedelta(days=1)
_ACTIVE_SCHEDULES = sa.select(sa.func.count()).where(schedules.c.status == ScheduleStatus.ACTIVE.value)


class SqlServiceRegister(ServiceRegister):
    """A row for each service process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def appear(self, *, kind: str, workers: int, version: str) -> str:
        with writing(self._engine) as connection:
            now = database_now(connection)
            connection.execute(sa.delete(services).where(services.c.heartbeat_at < now - _REMEMBERED))
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

    def give_sign_of_life(self, service_id: str) -> bool:
        return self._update(service_id, "heartbeat_at")

    def leave(self, service_id: str) -> None:
        self._update(service_id, "stopped_at")

    def status(self) -> Status:
        with self._engine.connect() as connection:
            now = database_now(connection)
            recent = sa.select(services).where(services.c.heartbeat_at >= now - _REMEMBERED).order_by(services.c.id)
            waiting = sa.select(sa.func.count(), sa.func.min(runs.c.created_at)).where(
                runs.c.status == RunStatus.QUEUED.value
            )
            queued, oldest = connection.execute(waiting).one()
            return Status(
                now=now,
                services=[_service(row, now) for row in connection.execute(recent)],
                queued=queued,
                oldest_queued_at=oldest,
                running=[_running(row) for row in connection.execute(_running_runs())],
                schedules=connection.execute(_ACTIVE_SCHEDULES).scalar_one(),
            )

    def _update(self, service_id: str, column: str) -> bool:
        with writing(self._engine) as connection:
            now = database_now(connection)
            updated = connection.execute(sa.update(services).where(services.c.id == service_id), {column: now})
            return updated.rowcount == 1


def _running_runs() -> sa.Select[Any]:
    return (
        sa.select(runs, schedules.c.name.label("schedule_name"))
        .join(schedules, schedules.c.id == runs.c.schedule_id, isouter=True)
        .where(runs.c.status == RunStatus.RUNNING.value)
        .order_by(runs.c.created_at, runs.c.id)
    )


def _service(row: Any, now: datetime) -> ServiceRecord:
    owner = ProcessIdentity.parse(row.owner)
    in_time = now - row.heartbeat_at <= timedelta(seconds=SIGN_OF_LIFE_S * _MISSED_SIGNS)
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
        is_alive=row.stopped_at is None and in_time and not owner.is_known_dead(),
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
