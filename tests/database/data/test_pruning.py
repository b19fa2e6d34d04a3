"""Pruning on both databases: expired content is deleted, and the history of its artifacts remains."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern import DAGExecutor, DatabaseUnavailableError, PrunedArtifactError, RunError
from waivern.caller import Caller
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.engine import open_engine, writing
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import artifacts, blobs, gc_candidates, runs
from waivern.history.events import EventKind
from waivern.history.retention import PruneRequest
from waivern.runs.run import ArtifactStatus, RunStatus, utc_now
from waivern.testing.builders import message_of, plan_of, registry_of

ALL = PruneRequest()
DPO = Caller("dpo@host")


def plan(**retain: Any) -> Any:
    """A plan of sources with their `retain`, by name."""
    return plan_of(
        {
            name: {"source": {"type": "make", "properties": {"name": name}}, **({"retain": value} if value else {})}
            for name, value in retain.items()
        }
    )


def run_of(
    engine: sa.Engine, retain: Mapping[str, Any], contents: Mapping[str, Any], status: RunStatus = RunStatus.SUCCEEDED
) -> str:
    """Return the id of an ended run whose artifacts hold these contents."""
    run = SqlRunStore(engine).create(plan(**retain), trigger="test", caller=CALLER)
    for name, content in contents.items():
        run.store.save(name, message_of(text=content))
    run.log.close(status)
    return run.run_id


def set_age(engine: sa.Engine, run_id: str, ago: timedelta) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(ended_at=utc_now() - ago))


def read(engine: sa.Engine, run_id: str, name: str) -> Any:
    """Return what the artifact holds; None if it was pruned."""
    try:
        return SqlHistory(engine).message_of(run_id, name).content["text"]
    except PrunedArtifactError:
        return None


def stored(engine: sa.Engine) -> tuple[int, int]:
    """Return how many blobs there are, and how many of them are tombstones."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(blobs.c.codec, blobs.c.stored_size, blobs.c.data)).all()
    assert all((row.codec == TOMBSTONE) == (row.stored_size == 0) == (not row.data) for row in rows)
    return len(rows), sum(row.codec == TOMBSTONE for row in rows)


def test_retain_none_prunes_when_the_run_ends(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": "none", "b": None, "c": "until_success"}, {"a": "x", "b": "y", "c": "z"})
    assert [read(engine, run_id, name) for name in "abc"] == [None, "y", None]
    assert stored(engine) == (3, 2)
    a, b, _c = SqlHistory(engine).artifacts_of(run_id)
    assert (a.status, a.pruned_because, a.size) == (ArtifactStatus.SUCCEEDED, "retain: none", len('{"text":"x"}'))
    assert a.digest is not None
    assert (b.pruned_at, b.retain) == (None, None)
    with pytest.raises(PrunedArtifactError, match=r"artifact 'a' of run .* on 20\d\d-\d\d-\d\d \(retain: none\)"):
        SqlHistory(engine).message_of(run_id, "a")


def test_until_success_keeps_the_content_of_a_failed_run_until_a_later_run_succeeds(engine: sa.Engine) -> None:
    failed = run_of(engine, {"a": "until_success"}, {"a": "x"}, RunStatus.FAILED)
    assert SqlRetention(engine).prune(ALL, caller=DPO).artifacts == []
    assert read(engine, failed, "a") == "x"
    run_of(engine, {"a": None}, {"a": "y"})
    pruned = SqlRetention(engine).prune(ALL, caller=DPO)
    assert [(artifact.run_id, artifact.artifact_id, artifact.reason) for artifact in pruned.artifacts] == [
        (failed, "a", "retain: until_success")
    ]
    assert read(engine, failed, "a") is None


def test_a_reanalysis_is_not_the_success_that_until_success_waits_for(engine: sa.Engine) -> None:
    failed = run_of(engine, {"a": "until_success"}, {"a": "x"}, RunStatus.FAILED)
    again = SqlRunStore(engine).create(
        plan(a="until_success"), trigger="reanalysis", reanalysis_of=failed, caller=CALLER
    )
    again.store.save("a", message_of(text="x"))
    again.log.close(RunStatus.SUCCEEDED)
    assert SqlRetention(engine).prune(ALL, caller=DPO).artifacts == []
    assert (read(engine, failed, "a"), read(engine, again.run_id, "a")) == ("x", None)


def test_a_retention_period_starts_at_the_end_of_the_run(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": "30d"}, {"a": "x"})
    set_age(engine, run_id, timedelta(days=29))
    assert SqlRetention(engine).prune(ALL, caller=DPO).artifacts == []
    set_age(engine, run_id, timedelta(days=30))
    preview = SqlRetention(engine).preview_prune(ALL)
    assert read(engine, run_id, "a") == "x"
    done = SqlRetention(engine).prune(ALL, caller=DPO)
    assert replace(preview, unused_bytes=done.unused_bytes) == done
    assert (done.deleted_contents, done.freed_bytes) == (1, len('{"text":"x"}'))
    assert done.artifacts[0].reason == "retain: 30d"
    assert SqlRetention(engine).prune(ALL, caller=DPO).artifacts == []


def test_content_that_a_different_run_still_references_is_not_deleted(engine: sa.Engine) -> None:
    keeping = run_of(engine, {"a": None}, {"a": "shared"})
    pruned = run_of(engine, {"a": "none"}, {"a": "shared"})
    assert (read(engine, keeping, "a"), read(engine, pruned, "a")) == ("shared", None)
    assert stored(engine) == (1, 0)
    set_age(engine, keeping, timedelta(days=2))
    older = PruneRequest(older_than=timedelta(days=1))
    assert SqlRetention(engine).preview_prune(older).deleted_contents == 1
    assert SqlRetention(engine).prune(older, caller=DPO).deleted_contents == 1
    assert stored(engine) == (1, 1)


@pytest.mark.parametrize("text", ["short", "long " * 10_000])
def test_a_deleted_content_that_is_saved_again_is_stored_again(engine: sa.Engine, text: str) -> None:
    gone = run_of(engine, {"a": "none"}, {"a": text})
    kept = run_of(engine, {"a": None}, {"a": text})
    assert (read(engine, gone, "a"), read(engine, kept, "a")) == (None, text)
    assert stored(engine) == (1, 0)


def test_pruning_by_hand_is_limited_by_age_and_runbook(engine: sa.Engine) -> None:
    old, young = (run_of(engine, {"a": None}, {"a": text}) for text in ("old", "young"))
    set_age(engine, old, timedelta(days=91))
    request = PruneRequest(runbook="by hand", older_than=timedelta(days=90))
    other_runbook = PruneRequest(runbook="other", older_than=timedelta(0))
    assert SqlRetention(engine).prune(other_runbook, caller=DPO).artifacts == []
    assert [artifact.reason for artifact in SqlRetention(engine).prune(request, caller=DPO).artifacts] == [
        "pruned by hand: older than 90d"
    ]
    assert (read(engine, old, "a"), read(engine, young, "a")) == (None, "young")


def test_a_running_run_is_not_pruned(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan(a="none"), trigger="test", caller=CALLER)
    run.store.save("a", message_of(text="x"))
    assert SqlRetention(engine).prune(PruneRequest(older_than=timedelta(0)), caller=DPO).artifacts == []
    assert run.store.get("a").content == {"text": "x"}
    run.log.close(RunStatus.FAILED)
    assert read(engine, run.run_id, "a") is None


def test_a_run_that_needs_a_pruned_input_cannot_be_resumed(engine: sa.Engine) -> None:
    source = {"source": {"type": "make", "properties": {"name": "a"}}, "retain": "none"}
    both = plan_of({"a": source, "b": {"inputs": ["a"], "process": {"type": "fail"}}})
    run = SqlRunStore(engine).create(both, trigger="test", caller=CALLER)

    def fail(*_any: Any) -> None:
        raise RuntimeError("on purpose")

    registry = registry_of(run.store, connectors={"make": lambda _properties: {"text": "x"}}, analysers={"fail": fail})
    asyncio.run(DAGExecutor(registry).execute(both, run_log=run.log))
    with pytest.raises(RunError, match=r"'b' needs 'a', which was pruned on .* \(retain: none\)"):
        SqlRunStore(engine).resume(run.run_id, both, caller=CALLER)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.FAILED


def test_a_pruned_artifact_cannot_be_reused(engine: sa.Engine) -> None:
    run_of(engine, {"a": "none"}, {"a": "x"})
    with pytest.raises(PrunedArtifactError):
        SqlHistory(engine).find_artifact(from_run="latest", artifact_id="a", runbook="by hand")


def test_a_candidate_that_a_killed_process_left_is_collected_by_the_next_pruning(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan(a="none", b=None), trigger="test", caller=CALLER)
    run.store.save("a", message_of(text="x"))
    run.log._collect_garbage = lambda: None  # type: ignore[attr-defined]  # as if the process were killed before it collects
    run.log.close(RunStatus.SUCCEEDED)
    assert stored(engine) == (1, 0)
    assert read(engine, run.run_id, "a") is None
    assert SqlRetention(engine).prune(ALL, caller=DPO).deleted_contents == 1
    assert stored(engine) == (1, 1)
    with engine.connect() as connection:
        assert connection.execute(sa.select(gc_candidates)).all() == []


def test_the_earlier_content_of_an_artifact_that_is_saved_twice_is_deleted(engine: sa.Engine) -> None:
    other = run_of(engine, {"a": None}, {"a": "in both runs"})
    run = SqlRunStore(engine).create(plan(a=None, b=None), trigger="test", caller=CALLER)
    for text in ("first", "in both runs", "second", "second"):
        run.store.save("a", message_of(text=text))
    run.store.save("unplanned", message_of(text="third"))
    run.store.save("unplanned", message_of(text="first"))
    run.store.save("b", message_of(text="first"))
    run.log.close(RunStatus.SUCCEEDED)
    assert read(engine, run.run_id, "a") == "second"
    assert read(engine, run.run_id, "b") == read(engine, run.run_id, "unplanned") == "first"
    assert read(engine, other, "a") == "in both runs"
    assert stored_texts(engine) == {"first", "second", "in both runs"}  # not "third"


def test_the_content_of_a_cleared_store_is_deleted(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan(a=None), trigger="test", caller=CALLER)
    run.store.save("a", message_of(text="first"))
    run.store.clear()
    run.store.save("a", message_of(text="second"))
    run.log.close(RunStatus.SUCCEEDED)
    assert stored_texts(engine) == {"second"}


def stored_texts(engine: sa.Engine) -> set[str]:
    """Return the texts of all stored contents."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(blobs.c.data).where(blobs.c.codec != TOMBSTONE)).all()
    return {json.loads(row.data)["text"] for row in rows}


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["none", "until_success", "30d", None]),
            st.sampled_from("xyz"),
            st.booleans(),
            st.integers(0, 60),
        ),
        max_size=8,
    )
)
def test_an_artifact_can_be_read_exactly_while_it_is_retained(
    engine: sa.Engine, made: list[tuple[str | None, str, bool, int]]
) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(artifacts).values(pruned_at=utc_now(), pruned_because="earlier example"))
        connection.execute(sa.update(runs).values(status="failed"))
    ids = []
    for retain, text, succeeds, days in made:
        status = RunStatus.SUCCEEDED if succeeds else RunStatus.FAILED
        ids.append(run_of(engine, {"a": retain}, {"a": text}, status))
        set_age(engine, ids[-1], timedelta(days=days))
    SqlRetention(engine).prune(ALL, caller=DPO)
    for number, (retain, text, _succeeds, days) in enumerate(made):
        is_due = {
            "none": True,
            "until_success": any(succeeded for _, _, succeeded, _ in made[number:]),
            "30d": days >= 30,
            None: False,
        }[retain]
        assert read(engine, ids[number], "a") == (None if is_due else text)


def test_pruning_appends_events_with_digests_and_without_content(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": "none", "b": None}, {"a": "ann@example.org", "b": "bo@example.org"})
    set_age(engine, run_id, timedelta(days=2))
    SqlRetention(engine).prune(PruneRequest(older_than=timedelta(days=1)), caller=DPO)
    wanted = {EventKind.CONTENTS_PRUNED, EventKind.CONTENTS_DELETED}
    events = [event for event in SqlAuditLog(engine).read() if event.kind in wanted]
    a, b = SqlHistory(engine).artifacts_of(run_id)
    assert [event.kind for event in events] == [EventKind.CONTENTS_PRUNED, EventKind.CONTENTS_DELETED] * 2
    assert [events[at].body["artifacts"][0]["digest"] for at in (0, 2)] == [a.digest, b.digest]
    assert [events[at].body["digests"] for at in (1, 3)] == [[a.digest], [b.digest]]
    assert events[2].body["artifacts"] == [
        {"run": run_id, "artifact_id": "b", "digest": b.digest, "reason": "pruned by hand: older than 1d"}
    ]
    assert [event.actor for event in events[2:]] == ["user:dpo@host"] * 2
    assert "example.org" not in str(events)


def test_pruning_does_not_wait_for_a_reader(tmp_path: Path) -> None:
    """A checkpoint waits for readers and blocks writers meanwhile, so it must not wait for long."""
    with migrated(sqlite_url(tmp_path)) as engine, engine.connect() as reader:
        run_of(engine, {"a": "none"}, {"a": "x"})
        reader.execute(sa.select(runs)).all()
        run_of(engine, {"a": None}, {"a": "y"})
        started = time.perf_counter()
        SqlRetention(engine).prune(ALL, caller=DPO)
        assert time.perf_counter() - started < 10
        assert engine.connect().exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_a_file_is_not_shrunk_while_another_process_writes(tmp_path: Path) -> None:
    with migrated(sqlite_url(tmp_path)) as engine, writing(engine):
        quick = open_engine(sqlite_url(tmp_path))
        with quick.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 100")
        with pytest.raises(DatabaseUnavailableError, match="cannot be shrunk now"):
            SqlRetention(quick).reclaim_space()
        quick.dispose()
