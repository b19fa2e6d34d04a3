"""What every database does with messages that need not be kept: they go, and what history says of them stays."""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
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
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import TOMBSTONE
from waivern.database.connection.engine import open_engine, writing
from waivern.database.data.pruner import SqlPruner
from waivern.database.retention.blob_gc import collect_garbage
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.artifact_view import run_number_of
from waivern.database.schema.tables import artifacts, blobs, gc_candidates, runs
from waivern.history.events import EventKind
from waivern.history.pruning import PruneRequest
from waivern.runs.run import ArtifactStatus, RunStatus, utc_now
from waivern.testing.builders import message_of, plan_of, registry_of

ALL = PruneRequest()


def plan(**retain: Any) -> Any:
    """A plan of sources, by name, with their `retain`."""
    return plan_of(
        {
            name: {"source": {"type": "make", "properties": {"name": name}}, **({"retain": how} if how else {})}
            for name, how in retain.items()
        }
    )


def run_of(
    engine: sa.Engine, retain: Mapping[str, Any], contents: Mapping[str, Any], status: RunStatus = RunStatus.SUCCEEDED
) -> str:
    """A run whose artifacts hold these contents, ended so."""
    run = SqlRunStore(engine).create(plan(**retain), trigger="test", caller=CALLER)
    for name, content in contents.items():
        run.store.save(name, message_of(text=content))
    run.log.close(status)
    return run.run_id


def ended_ago(engine: sa.Engine, run_id: str, ago: timedelta) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(ended_at=utc_now() - ago))


def read(engine: sa.Engine, run_id: str, name: str) -> Any:
    """What the artifact holds; None where it was pruned."""
    try:
        return SqlHistory(engine).message_of(run_id, name).content["text"]
    except PrunedArtifactError:
        return None


def stored(engine: sa.Engine) -> tuple[int, int]:
    """How many blobs there are, and how many of them are empty."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(blobs.c.codec, blobs.c.stored_size, blobs.c.data)).all()
    assert all((row.codec == TOMBSTONE) == (row.stored_size == 0) == (not row.data) for row in rows)
    return len(rows), sum(row.codec == TOMBSTONE for row in rows)


def test_what_is_retained_for_none_is_gone_when_the_run_has_ended_and_the_rest_is_not(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": "none", "b": None, "c": "until_success"}, {"a": "x", "b": "y", "c": "z"})
    assert [read(engine, run_id, name) for name in "abc"] == [None, "y", None]
    assert stored(engine) == (3, 2)
    a, b, _c = SqlHistory(engine).artifacts_of(run_id)
    assert (a.status, a.pruned_because, a.size) == (ArtifactStatus.SUCCEEDED, "retain: none", len('{"text":"x"}'))
    assert a.digest is not None
    assert (b.pruned_at, b.retain) == (None, None)
    with pytest.raises(PrunedArtifactError, match=r"artifact 'a' of run .* on 20\d\d-\d\d-\d\d \(retain: none\)"):
        SqlHistory(engine).message_of(run_id, "a")


def test_until_success_keeps_what_a_failed_run_made_until_a_later_one_succeeds(engine: sa.Engine) -> None:
    failed = run_of(engine, {"a": "until_success"}, {"a": "x"}, RunStatus.FAILED)
    assert SqlPruner(engine).prune(ALL, actor="test").messages == []
    assert read(engine, failed, "a") == "x"
    run_of(engine, {"a": None}, {"a": "y"})
    pruned = SqlPruner(engine).prune(ALL, actor="test")
    assert [(each.run_id, each.artifact_id, each.because) for each in pruned.messages] == [
        (failed, "a", "retain: until_success")
    ]
    assert read(engine, failed, "a") is None


def test_a_reanalysis_of_a_failed_run_is_not_the_success_that_it_is_kept_until(engine: sa.Engine) -> None:
    failed = run_of(engine, {"a": "until_success"}, {"a": "x"}, RunStatus.FAILED)
    again = SqlRunStore(engine).create(
        plan(a="until_success"), trigger="reanalysis", reanalysis_of=failed, caller=CALLER
    )
    again.store.save("a", message_of(text="x"))
    again.log.close(RunStatus.SUCCEEDED)
    assert SqlPruner(engine).prune(ALL, actor="test").messages == []
    assert (read(engine, failed, "a"), read(engine, again.run_id, "a")) == ("x", None)


def test_a_duration_counts_from_the_end_of_the_run(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": "30d"}, {"a": "x"})
    ended_ago(engine, run_id, timedelta(days=29))
    assert SqlPruner(engine).prune(ALL, actor="test").messages == []
    ended_ago(engine, run_id, timedelta(days=30))
    told = SqlPruner(engine).would_prune(ALL)
    assert read(engine, run_id, "a") == "x"
    done = SqlPruner(engine).prune(ALL, actor="test")
    assert (told.messages, told.contents, told.freed_bytes) == (done.messages, done.contents, done.freed_bytes)
    assert (done.contents, done.freed_bytes) == (1, len('{"text":"x"}'))
    assert done.messages[0].because == "retain: 30d"
    assert SqlPruner(engine).prune(ALL, actor="test").messages == []


def test_a_content_that_another_run_keeps_is_not_emptied(engine: sa.Engine) -> None:
    keeps = run_of(engine, {"a": None}, {"a": "shared"})
    lets_go = run_of(engine, {"a": "none"}, {"a": "shared"})
    assert (read(engine, keeps, "a"), read(engine, lets_go, "a")) == ("shared", None)
    assert stored(engine) == (1, 0)
    ended_ago(engine, keeps, timedelta(days=2))
    older = PruneRequest(older_than=timedelta(days=1))
    assert SqlPruner(engine).would_prune(older).contents == 1
    assert SqlPruner(engine).prune(older, actor="test").contents == 1
    assert stored(engine) == (1, 1)


@pytest.mark.parametrize("text", ["short", "long " * 10_000])
def test_saving_a_content_again_fills_it_again(engine: sa.Engine, text: str) -> None:
    gone = run_of(engine, {"a": "none"}, {"a": text})
    kept = run_of(engine, {"a": None}, {"a": text})
    assert (read(engine, gone, "a"), read(engine, kept, "a")) == (None, text)
    assert stored(engine) == (1, 0)


def test_pruning_by_hand_takes_what_is_older_and_of_one_runbook(engine: sa.Engine) -> None:
    old, young = (run_of(engine, {"a": None}, {"a": text}) for text in ("old", "young"))
    ended_ago(engine, old, timedelta(days=91))
    request = PruneRequest(runbook="by hand", older_than=timedelta(days=90))
    assert (
        SqlPruner(engine).prune(PruneRequest(runbook="another", older_than=timedelta(0)), actor="test").messages == []
    )
    assert [each.because for each in SqlPruner(engine).prune(request, actor="test").messages] == [
        "pruned by hand: older than 90d"
    ]
    assert (read(engine, old, "a"), read(engine, young, "a")) == (None, "young")


def test_a_run_that_is_going_on_keeps_everything(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan(a="none"), trigger="test", caller=CALLER)
    run.store.save("a", message_of(text="x"))
    assert SqlPruner(engine).prune(PruneRequest(older_than=timedelta(0)), actor="test").messages == []
    assert run.store.get("a").content == {"text": "x"}
    run.log.close(RunStatus.FAILED)
    assert read(engine, run.run_id, "a") is None


def test_a_run_is_not_taken_up_where_it_would_have_to_read_what_was_pruned(engine: sa.Engine) -> None:
    source = {"source": {"type": "make", "properties": {"name": "a"}}, "retain": "none"}
    both = plan_of({"a": source, "b": {"inputs": ["a"], "process": {"type": "fail"}}})
    run = SqlRunStore(engine).create(both, trigger="test", caller=CALLER)

    def fail(*_any: Any) -> None:
        raise RuntimeError("on purpose")

    registry = registry_of(run.store, connectors={"make": lambda _properties: {"text": "x"}}, analysers={"fail": fail})
    asyncio.run(DAGExecutor(registry).execute(both, run_log=run.log))
    with pytest.raises(RunError, match=r"'b' is made from 'a', which was pruned on .* \(retain: none\)"):
        SqlRunStore(engine).resume(run.run_id, both, caller=CALLER)
    assert SqlHistory(engine).find(run.run_id).status is RunStatus.FAILED


def test_what_was_pruned_is_not_reused(engine: sa.Engine) -> None:
    run_of(engine, {"a": "none"}, {"a": "x"})
    with pytest.raises(PrunedArtifactError):
        SqlHistory(engine).find_artifact(from_run="latest", artifact_id="a", runbook="by hand")


def test_a_mark_that_was_left_behind_is_seen_to_by_the_next_pruning(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan(a="none", b=None), trigger="test", caller=CALLER)
    run.store.save("a", message_of(text="x"))
    run.log._empty = lambda: None  # type: ignore[attr-defined]  # the process is killed just then
    run.log.close(RunStatus.SUCCEEDED)
    assert stored(engine) == (1, 0)
    assert read(engine, run.run_id, "a") is None
    assert SqlPruner(engine).prune(ALL, actor="test").contents == 1
    assert stored(engine) == (1, 1)
    with engine.connect() as connection:
        assert connection.execute(sa.select(gc_candidates)).all() == []


def test_the_earlier_content_of_what_is_saved_twice_is_kept_by_nobody_and_emptied(engine: sa.Engine) -> None:
    other = run_of(engine, {"a": None}, {"a": "kept elsewhere"})
    run = SqlRunStore(engine).create(plan(a=None, b=None), trigger="test", caller=CALLER)
    for text in ("first", "kept elsewhere", "second", "second"):
        run.store.save("a", message_of(text=text))
    run.store.save("unplanned", message_of(text="third"))
    run.store.save("unplanned", message_of(text="first"))
    run.store.save("b", message_of(text="first"))
    run.log.close(RunStatus.SUCCEEDED)
    assert read(engine, run.run_id, "a") == "second"
    assert read(engine, run.run_id, "b") == read(engine, run.run_id, "unplanned") == "first"
    assert read(engine, other, "a") == "kept elsewhere"
    assert full(engine) == {"first", "second", "kept elsewhere"}  # no longer "third"


def test_what_a_store_forgets_is_kept_by_nobody_and_emptied(engine: sa.Engine) -> None:
    run = SqlRunStore(engine).create(plan(a=None), trigger="test", caller=CALLER)
    run.store.save("a", message_of(text="first"))
    run.store.clear()
    run.store.save("a", message_of(text="second"))
    run.log.close(RunStatus.SUCCEEDED)
    assert full(engine) == {"second"}


def full(engine: sa.Engine) -> set[str]:
    """The texts of all contents that are stored."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(blobs.c.data).where(blobs.c.codec != TOMBSTONE)).all()
    return {json.loads(row.data)["text"] for row in rows}


def test_one_of_many_services_prunes_each_night(engine: sa.Engine) -> None:
    a_moment_ago = utc_now() - timedelta(seconds=1)
    tomorrow = a_moment_ago + timedelta(days=1)
    assert not SqlPruner(engine).claim("prune", next_at=tomorrow)
    assert SqlPruner(engine).claim("another chore", next_at=a_moment_ago)
    won: list[bool] = []
    claim = [
        threading.Thread(target=lambda: won.append(SqlPruner(engine).claim("another chore", next_at=tomorrow)))
        for _ in range(6)
    ]
    for thread in claim:
        thread.start()
    for thread in claim:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_runs_that_save_while_others_let_go_lose_nothing(engine: sa.Engine) -> None:
    """Savers keep a content, or let it go, while it is emptied again and again."""
    ended = threading.Event()
    troubles: list[str] = []

    def keep_on(name: str, retain: str | None) -> None:
        try:
            while not ended.is_set():
                run_id = run_of(engine, {"a": retain}, {"a": "shared" * 10})
                if retain is None and read(engine, run_id, "a") != "shared" * 10:
                    troubles.append(f"{name}: lost")
                with writing(engine) as connection:
                    gone = sa.update(artifacts).where(artifacts.c.run_number == run_number_of(run_id))
                    connection.execute(gone.values(pruned_at=utc_now(), pruned_because="test"))
        except Exception as error:
            troubles.append(f"{name}: {error!r}")

    def empty() -> None:
        while not ended.is_set():
            collect_garbage(engine, actor="test")

    threads = [threading.Thread(target=keep_on, args=each) for each in (("k", None), ("l", None), ("n", "none"))]
    threads.append(threading.Thread(target=empty))
    for thread in threads:
        thread.start()
    ended.wait(timeout=3)
    ended.set()
    for thread in threads:
        thread.join()
    assert troubles == []


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
def test_what_can_be_read_is_what_is_retained_and_a_blob_is_full_while_somebody_retains_it(
    engine: sa.Engine, made: list[tuple[str | None, str, bool, int]]
) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(artifacts).values(pruned_at=utc_now(), pruned_because="an earlier example"))
        connection.execute(sa.update(runs).values(status="failed"))
    ids = []
    for retain, text, succeeds, days in made:
        status = RunStatus.SUCCEEDED if succeeds else RunStatus.FAILED
        ids.append(run_of(engine, {"a": retain}, {"a": text}, status))
        ended_ago(engine, ids[-1], timedelta(days=days))
    SqlPruner(engine).prune(ALL, actor="test")
    for number, (retain, text, _succeeds, days) in enumerate(made):
        is_due = {
            "none": True,
            "until_success": any(succeeded for _, _, succeeded, _ in made[number:]),
            "30d": days >= 30,
            None: False,
        }[retain]
        assert read(engine, ids[number], "a") == (None if is_due else text)


def test_each_pruning_is_an_event_with_the_digests_and_no_content(engine: sa.Engine) -> None:
    run_id = run_of(engine, {"a": "none", "b": None}, {"a": "ann@example.org", "b": "bo@example.org"})
    ended_ago(engine, run_id, timedelta(days=2))
    SqlPruner(engine).prune(PruneRequest(older_than=timedelta(days=1)), actor="dpo@host")
    wanted = {EventKind.CONTENTS_PRUNED, EventKind.CONTENTS_DELETED}
    events = [event for event in SqlAuditLog(engine).read() if event.kind in wanted]
    a, b = SqlHistory(engine).artifacts_of(run_id)
    assert [event.kind for event in events] == [EventKind.CONTENTS_PRUNED, EventKind.CONTENTS_DELETED] * 2
    assert [events[at].body["artifacts"][0]["digest"] for at in (0, 2)] == [a.digest, b.digest]
    assert [events[at].body["digests"] for at in (1, 3)] == [[a.digest], [b.digest]]
    assert events[2].body["artifacts"] == [
        {"run": run_id, "artifact_id": "b", "digest": b.digest, "because": "pruned by hand: older than 1d"}
    ]
    assert [event.actor for event in events[2:]] == ["dpo@host"] * 2
    assert "example.org" not in str(events)


def test_a_reader_keeps_no_pruning_and_no_writer_waiting(tmp_path: Path) -> None:
    """A checkpoint waits for readers, and lets nobody write meanwhile."""
    with migrated(sqlite_url(tmp_path)) as engine, engine.connect() as reader:
        run_of(engine, {"a": "none"}, {"a": "x"})
        reader.execute(sa.select(runs)).all()
        run_of(engine, {"a": None}, {"a": "y"})
        started = time.perf_counter()
        SqlPruner(engine).prune(ALL, actor="test")
        assert time.perf_counter() - started < 10
        assert engine.connect().exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_a_file_is_not_made_smaller_while_somebody_writes(tmp_path: Path) -> None:
    with migrated(sqlite_url(tmp_path)) as engine, writing(engine):
        quick = open_engine(sqlite_url(tmp_path))
        with quick.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 100")
        with pytest.raises(DatabaseUnavailableError, match="cannot be made smaller now"):
            SqlPruner(quick).shrink()
        quick.dispose()
