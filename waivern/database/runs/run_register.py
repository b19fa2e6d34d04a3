"""Where runs begin, and where an unfinished one is taken up again."""

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from waivern.database.connection.clock import database_now
from waivern.database.connection.engine import writing
from waivern.database.connection.inserts import insert_ignore
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.events import run_events
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.retention.encryption import refuse_unknown_keys
from waivern.database.retention.retention_rules import refuse_pruned_inputs
from waivern.database.runs.artifact_store import SqlArtifactStore
from waivern.database.runs.run_closing import begin_attempt, begin_work, write_end_of_attempt
from waivern.database.runs.run_log import SqlRunLog
from waivern.database.runs.run_writer import DEFAULT_LEASE_S, RunWriter
from waivern.database.schema.artifact_view import change_declaration, insert_artifacts
from waivern.database.schema.tables import artifacts, runbooks, runs
from waivern.errors import RunError, RunTakenOverError
from waivern.history.events import UNNAMED
from waivern.runs.run import ArtifactStatus, RunStatus, new_run_id
from waivern.runs.run_log import OpenRun, RunRegister
from waivern.runs.run_queue import ClaimedRun

if TYPE_CHECKING:  # slow to import; see `waivern.runs.run_log`
    from waivern.plans.plan import ExecutionPlan
    from waivern.runbooks.model.artifact_definition import ArtifactDefinition


class SqlRunRegister(RunRegister):
    """Begins runs in the name of this process.

    Args:
        engine: Where runs are kept.
        lease_s: Seconds after which a run without a sign of life may be taken up by another process.
        actor: Who begins them, as events tell.
    """

    def __init__(self, engine: sa.Engine, *, lease_s: float = DEFAULT_LEASE_S, actor: str = UNNAMED) -> None:
        self._engine = engine
        self._actor = actor
        self._lease_s = lease_s

    def begin(self, plan: "ExecutionPlan", *, trigger: str, reanalysis_of: str | None = None) -> OpenRun:
        with writing(self._engine) as connection:
            refuse_unknown_keys(connection)
            now = database_now(connection)
            run_id = new_run_id(now)
            _remember_runbook(connection, plan)
            begin = sa.insert(runs).returning(runs.c.number)
            number = connection.scalars(
                begin,
                {
                    "id": run_id,
                    "runbook_digest": plan.digest,
                    "runbook_name": plan.runbook.name,
                    "trigger": trigger,
                    "reanalysis_of": reanalysis_of,
                    "epoch": 1,
                    "created_at": now,
                    "started_at": now,
                    **self._ownership(plan, now),
                },
            ).one()
            _write_plan(connection, run_id, plan)
            begin_attempt(connection, run_id, 1, worker=str(ProcessIdentity.this_process()), at=now)
            run_events.opened(connection, run_id, actor=self._actor, at=now)
        return self._opened(run_id, number, 1, frozenset())

    def take_up(self, run_id: str, plan: "ExecutionPlan") -> OpenRun:
        with writing(self._engine) as connection:
            refuse_unknown_keys(connection)
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id).with_for_update()).first()
            if run is None:
                raise RunError(f"There is no run {run_id}", remedy="See `waivern history`")
            now = database_now(connection)
            _refuse_what_cannot_be_taken_up(run, plan, now)
            epoch = run.epoch + 1
            again = {"epoch": epoch, "attempts": run.attempts + 1, "ended_at": None, "error": None}
            connection.execute(sa.update(runs).where(runs.c.id == run_id), {**again, **self._ownership(plan, now)})
            write_end_of_attempt(connection, run_id, RunStatus.INTERRUPTED.value, at=now, error=None)
            begin_attempt(connection, run_id, epoch, worker=str(ProcessIdentity.this_process()), at=now)
            already_made = _made_before(connection, run, plan)
            run_events.resumed(connection, run_id, epoch=epoch, actor=self._actor, at=now)
        return self._opened(run_id, run.number, epoch, already_made)

    def start(self, claimed: ClaimedRun, plan: "ExecutionPlan") -> OpenRun:
        with writing(self._engine) as connection:
            refuse_unknown_keys(connection)
            run = _claimed(connection, claimed)
            now = database_now(connection)
            _remember_runbook(connection, plan)
            begun = {
                "runbook_digest": plan.digest,
                "runbook_name": plan.runbook.name,
                "started_at": run.started_at or now,
            }
            connection.execute(
                sa.update(runs).where(runs.c.id == claimed.run_id), {**begun, **self._ownership(plan, now)}
            )
            begin_work(connection, claimed.run_id, claimed.epoch, worker=str(ProcessIdentity.this_process()))
            if run.runbook_digest is None:
                already_made: frozenset[str] = frozenset()
                _write_plan(connection, claimed.run_id, plan)
                run_events.opened(connection, claimed.run_id, actor=self._actor, at=now)
            else:
                _refuse_another_version(run, plan)
                already_made = _made_before(connection, run, plan)
                run_events.resumed(connection, claimed.run_id, epoch=claimed.epoch, actor=self._actor, at=now)
        return self._opened(claimed.run_id, run.number, claimed.epoch, already_made)

    def _opened(self, run_id: str, number: int, epoch: int, already_made: frozenset[str]) -> OpenRun:
        writer = RunWriter(self._engine, run_id=run_id, run_number=number, epoch=epoch, lease_s=self._lease_s)
        empty = functools.partial(collect_garbage, self._engine, actor=self._actor)
        log = SqlRunLog(writer, already_made, empty, actor=self._actor)
        return OpenRun(run_id, epoch, SqlArtifactStore(self._engine, writer), log)

    def _ownership(self, plan: "ExecutionPlan", now: datetime) -> dict[str, Any]:
        timeout_s = plan.runbook.config.timeout
        return {
            "status": RunStatus.RUNNING.value,
            "worker_id": str(ProcessIdentity.this_process()),
            "lease_until": now + timedelta(seconds=self._lease_s),
            "deadline": None if timeout_s is None else now + timedelta(seconds=timeout_s),
        }


def is_abandoned(*, owner: str | None, lease_until: datetime | None, now: datetime) -> bool:
    """Say whether nobody works at a running run any more: its process is dead, or its lease has run out."""
    if lease_until is None or lease_until <= now:
        return True
    return owner is not None and ProcessIdentity.parse(owner).is_known_dead()


def _refuse_what_cannot_be_taken_up(run: Any, plan: "ExecutionPlan", now: datetime) -> None:
    if run.reanalysis_of is not None:
        raise RunError(
            f"The run {run.id} is a reanalysis, which reads no source and cannot be taken up",
            remedy=f"Analyse anew: waivern reanalyse {run.reanalysis_of}",
        )
    if run.status == RunStatus.SUCCEEDED:
        raise RunError(f"The run {run.id} has succeeded; there is nothing to take up", remedy="Start a new run")
    if run.status == RunStatus.QUEUED:
        raise RunError(
            f"The run {run.id} waits for a worker of the service",
            remedy="Let `waivern worker` carry it out, or cancel it",
        )
    _refuse_another_version(run, plan)
    if run.status == RunStatus.RUNNING and not is_abandoned(owner=run.worker_id, lease_until=run.lease_until, now=now):
        owner = ProcessIdentity.parse(run.worker_id)
        raise RunError(
            f"The run {run.id} is still going, in process {owner.pid} on {owner.host}",
            remedy="Wait for it, or end that process first",
        )


def _refuse_another_version(run: Any, plan: "ExecutionPlan") -> None:
    if run.runbook_digest != plan.digest:
        raise RunError(
            f"The run {run.id} was of another version of the runbook '{run.runbook_name}'",
            remedy="Take it up with the runbook as it was, or start a new run that names what it made with `reuse:`",
        )


def _claimed(connection: sa.Connection, claimed: ClaimedRun) -> Any:
    """The run's row, locked, if it is the claimant's still."""
    run = connection.execute(sa.select(runs).where(runs.c.id == claimed.run_id).with_for_update()).first()
    if run is None or run.status != RunStatus.RUNNING or run.epoch != claimed.epoch:
        raise RunTakenOverError(f"The run {claimed.run_id} changed hands before it began")
    return run


def _remember_runbook(connection: sa.Connection, plan: "ExecutionPlan") -> None:
    values = {"digest": plan.digest, "name": plan.runbook.name, "sources": dict(plan.sources)}
    connection.execute(insert_ignore(connection, runbooks), values)


def _write_plan(connection: sa.Connection, run_id: str, plan: "ExecutionPlan") -> None:
    aliases = _aliases_by_artifact(plan.aliases)
    rows = [
        {
            "run_id": run_id,
            "artifact_id": artifact_id,
            "position": position,
            "status": ArtifactStatus.PENDING.value,
            "epoch": 1,
            "schema": str(plan.artifact_schemas[artifact_id][1]),
            "aliases": aliases.get(artifact_id),
            "inputs": list(definition.inputs),
            **_described(definition),
        }
        for position, (artifact_id, definition) in enumerate(plan.runbook.artifacts.items())
    ]
    insert_artifacts(connection, rows)


def _described(definition: "ArtifactDefinition") -> dict[str, Any]:
    """What an artifact is, in a few words: never its properties, which may be long and are in the runbook."""
    from waivern.plans.plan import kind_and_component

    kind, component = kind_and_component(definition)
    retain = definition.retain if definition.retain is None else str(definition.retain)
    said = {"output": definition.output, "optional": definition.optional, "retain": retain}
    return {"kind": kind, "component": component, **said}


def _aliases_by_artifact(aliases: Mapping[str, str]) -> dict[str, list[str]]:
    by_artifact: dict[str, list[str]] = {}
    for alias, artifact_id in aliases.items():
        by_artifact.setdefault(artifact_id, []).append(alias)
    return by_artifact


def _made_before(connection: sa.Connection, run: Any, plan: "ExecutionPlan") -> frozenset[str]:
    """Forget what did not succeed; return what did, which stays.

    Raises:
        RunError: something is to be made from what was pruned.
    """
    refuse_pruned_inputs(connection, run.id)
    already_made = _forget_what_did_not_succeed(connection, run.number)
    _say_what_is_reused_now(connection, run.number, plan, already_made)
    return already_made


def _say_what_is_reused_now(
    connection: sa.Connection, run_number: int, plan: "ExecutionPlan", already_made: frozenset[str]
) -> None:
    """`from_run: latest` may mean another run by now than it did when this one began."""
    from waivern.plans.plan import kind_and_component

    for artifact_id, definition in plan.runbook.artifacts.items():
        if definition.reuse is not None and artifact_id not in already_made:
            change_declaration(connection, run_number, artifact_id, component=kind_and_component(definition)[1])


def _forget_what_did_not_succeed(connection: sa.Connection, run_number: int) -> frozenset[str]:
    of_run = artifacts.c.run_number == run_number
    succeeded = artifacts.c.status == ArtifactStatus.SUCCEEDED.value
    connection.execute(
        sa.update(artifacts)
        .where(of_run, ~succeeded)
        .values(
            status=ArtifactStatus.PENDING.value,
            skip_reason=None,
            skipped_because=None,
            error=None,
            started_at=None,
            ended_at=None,
        )
    )
    return frozenset(connection.scalars(sa.select(artifacts.c.artifact_id).where(of_run, succeeded)))
