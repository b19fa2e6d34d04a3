"""What is pruned at the end of a run, and which runs cannot be resumed because an input was pruned."""

from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern import ExecutionPlan, RunError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.retention import retention_rules
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.history.events import EventKind
from waivern.runs.run import RunStatus, utc_now
from waivern.testing.builders import message_of, plan_of

SOURCE = {"source": {"type": "make"}}


def process(*inputs: str, **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), "process": {"type": "copy"}, **more}


def ended_run(engine: sa.Engine, plan: ExecutionPlan, *saved: str) -> str:
    """Return the id of a failed run in which only the artifacts `saved` succeeded."""
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    for artifact_id in saved:
        run.store.save(artifact_id, message_of(text=artifact_id))
    run.log.close(RunStatus.FAILED)
    return run.run_id


def resume(engine: sa.Engine, run_id: str, plan: ExecutionPlan) -> None:
    SqlRunStore(engine).resume(run_id, plan, caller=CALLER).log.close(RunStatus.FAILED)


def test_pruning_at_the_end_of_a_run_is_recorded_in_order_of_artifacts(engine: sa.Engine) -> None:
    plan = plan_of({"b": {**SOURCE, "retain": "none"}, "a": {**SOURCE, "retain": "none"}, "c": SOURCE})
    run_id = ended_run(engine, plan, "b", "a", "c")
    (event,) = (event for event in SqlAuditLog(engine).read() if event.kind == EventKind.CONTENTS_PRUNED)
    digests = {record.artifact_id: record.digest for record in SqlHistory(engine).artifacts_of(run_id)}
    assert event.actor == str(CALLER)
    assert event.body == {
        "artifacts": [
            {"run": run_id, "artifact_id": name, "digest": digests[name], "reason": "retain: none"} for name in "ab"
        ]
    }


def test_many_pruned_artifacts_are_recorded_in_batches(engine: sa.Engine) -> None:
    pruned = [{"run": "r", "artifact_id": f"{number}", "digest": "d", "reason": "test"} for number in range(201)]
    with engine.begin() as connection:
        retention_rules.record_pruned(connection, pruned, at=utc_now(), actor="test")
    bodies = [event.body for event in SqlAuditLog(engine).read() if event.kind == EventKind.CONTENTS_PRUNED]
    assert [len(body["artifacts"]) for body in bodies] == [200, 1]


def test_a_succeeded_artifact_does_not_need_its_pruned_input_to_resume(engine: sa.Engine) -> None:
    plan = plan_of({"a": {**SOURCE, "retain": "none"}, "b": process("a"), "c": process("b")})
    resume(engine, ended_run(engine, plan, "a", "b"), plan)


def test_the_first_artifact_of_the_plan_that_needs_a_pruned_input_is_named(engine: sa.Engine) -> None:
    pruned = {**SOURCE, "retain": "none"}
    plan = plan_of({"kept": SOURCE, "z": pruned, "y": process("kept", "z"), "a": process("z")})
    run_id = ended_run(engine, plan, "kept", "z")
    message = (
        rf"The run {run_id} cannot be resumed: 'y' needs 'z', which was pruned on 20\d\d-\d\d-\d\d \(retain: none\)"
    )
    with pytest.raises(RunError, match=rf"^{message}. Start a new run$"):
        resume(engine, run_id, plan)
