"""Rows that are written when a run starts, is resumed, or is adopted by the process that executes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from waivern.database.connection.inserts import insert_ignore
from waivern.database.connection.process_identity import ProcessIdentity
from waivern.database.retention.retention_rules import refuse_pruned_inputs
from waivern.database.runs.leases import is_stale
from waivern.database.schema.artifact_view import change_declaration, insert_artifacts
from waivern.database.schema.tables import artifacts, runbooks, runs
from waivern.errors import RunError, RunTakenOverError
from waivern.runs.run import ArtifactStatus, RunStatus
from waivern.runs.run_store import ClaimedRun

if TYPE_CHECKING:  # slow to import; see `waivern.runs.run_store`
    from waivern.plans.plan import ExecutionPlan
    from waivern.runbooks.model.artifact_definition import ArtifactDefinition


def refuse_unresumable(run: Any, plan: "ExecutionPlan", now: datetime) -> None:
    """Refuse to resume a run that must not be.

    Raises:
        RunError: it is a reanalysis, was restored, has succeeded, is queued, is owned by a live process, or its runbook
            has changed.
    """
    if run.reanalysis_of is not None:
        raise RunError(
            f"The run {run.id} is a reanalysis, which reads no source and cannot be resumed",
            remedy=f"Start another one: waivern reanalyse {run.reanalysis_of}",
        )
    if run.restored is not None:
        raise RunError(f"The run {run.id} was restored from an archive and cannot be resumed", remedy="Start a new run")
    if run.status == RunStatus.SUCCEEDED:
        raise RunError(f"The run {run.id} has succeeded; there is nothing to resume", remedy="Start a new run")
    if run.status == RunStatus.QUEUED:
        raise RunError(
            f"The run {run.id} is queued for a worker",
            remedy="Start `waivern worker` to execute it, or cancel it",
        )
    refuse_changed_runbook(run, plan)
    if run.status == RunStatus.RUNNING and not is_stale(owner=run.worker_id, lease_until=run.lease_until, now=now):
        owner = ProcessIdentity.parse(run.worker_id)
        raise RunError(
            f"The run {run.id} is still running, in process {owner.pid} on {owner.host}",
            remedy="Wait for it, or end that process first",
        )


def refuse_changed_runbook(run: Any, plan: "ExecutionPlan") -> None:
    """Refuse to continue a run with another version of its runbook.

    Raises:
        RunError: the digests differ.
    """
    if run.runbook_digest != plan.digest:
        raise RunError(
            f"The run {run.id} executed another version of the runbook '{run.runbook_name}'",
            remedy="Resume it with the earlier version, or start a new run that takes its artifacts with `reuse:`",
        )


def insert_runbook(connection: sa.Connection, plan: "ExecutionPlan") -> None:
    """Store the texts of a runbook and its children, once per digest."""
    values = {"digest": plan.digest, "name": plan.runbook.name, "sources": dict(plan.sources)}
    connection.execute(insert_ignore(connection, runbooks), values)


def insert_plan(connection: sa.Connection, run_id: str, plan: "ExecutionPlan") -> None:
    """Insert a pending row for each artifact of the plan."""
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
            **_declaration(definition),
        }
        for position, (artifact_id, definition) in enumerate(plan.runbook.artifacts.items())
    ]
    insert_artifacts(connection, rows)


def reset_artifacts(connection: sa.Connection, run: Any, plan: "ExecutionPlan") -> frozenset[str]:
    """Set every artifact of a resumed run that has not succeeded back to pending; return the ids of those that have.

    Raises:
        RunError: an artifact depends on a pruned message.
    """
    refuse_pruned_inputs(connection, run.id)
    already_succeeded = _reset_unsuccessful(connection, run.number)
    _update_reused_runs(connection, run.number, plan, already_succeeded)
    return already_succeeded


def _declaration(definition: "ArtifactDefinition") -> dict[str, Any]:
    """The columns that describe an artifact, without its properties, which may be long and are in the runbook."""
    from waivern.plans.plan import kind_and_component

    kind, component = kind_and_component(definition)
    retain = definition.retain if definition.retain is None else str(definition.retain)
    return {
        "kind": kind,
        "component": component,
        "output": definition.output,
        "optional": definition.optional,
        "retain": retain,
    }


def _aliases_by_artifact(aliases: Mapping[str, str]) -> dict[str, list[str]]:
    by_artifact: dict[str, list[str]] = {}
    for alias, artifact_id in aliases.items():
        by_artifact.setdefault(artifact_id, []).append(alias)
    return by_artifact


def _update_reused_runs(
    connection: sa.Connection, run_number: int, plan: "ExecutionPlan", already_succeeded: frozenset[str]
) -> None:
    """`from_run: latest` may mean another run now than when this run started."""
    from waivern.plans.plan import kind_and_component

    for artifact_id, definition in plan.runbook.artifacts.items():
        if definition.reuse is not None and artifact_id not in already_succeeded:
            change_declaration(connection, run_number, artifact_id, component=kind_and_component(definition)[1])


def _reset_unsuccessful(connection: sa.Connection, run_number: int) -> frozenset[str]:
    is_of_run = artifacts.c.run_number == run_number
    succeeded = artifacts.c.status == ArtifactStatus.SUCCEEDED.value
    connection.execute(
        sa.update(artifacts)
        .where(is_of_run, ~succeeded)
        .values(
            status=ArtifactStatus.PENDING.value,
            skip_reason=None,
            skipped_because=None,
            error=None,
            started_at=None,
            ended_at=None,
        )
    )
    return frozenset(connection.scalars(sa.select(artifacts.c.artifact_id).where(is_of_run, succeeded)))


def locked_run(connection: sa.Connection, run_id: str) -> Any:
    """Lock and return the row of a run.

    Raises:
        RunError: there is no such run.
    """
    run = connection.execute(sa.select(runs).where(runs.c.id == run_id).with_for_update()).first()
    if run is None:
        raise RunError(f"There is no run {run_id}", remedy="See `waivern history`")
    return run


def locked_claim(connection: sa.Connection, claimed: ClaimedRun) -> Any:
    """Lock and return the row of a run that this process or its service has claimed.

    Raises:
        RunTakenOverError: it belongs to another owner.
    """
    run = connection.execute(sa.select(runs).where(runs.c.id == claimed.run_id).with_for_update()).first()
    if run is None or run.status != RunStatus.RUNNING or run.epoch != claimed.epoch:
        raise RunTakenOverError(f"The run {claimed.run_id} changed owners before it started")
    return run
