"""Services as processes on a real database: scheduling, lost workers, deadlines, shutdown and monitoring."""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER, SERVICE
from tests.builders.faulty_services import Installation, eventually, stop, this_second
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern.database.connection.engine import open_engine, writing
from waivern.database.schema.tables import services
from waivern.errors import WaivernError
from waivern.history.run_records import RunFilter, RunRecord
from waivern.operations.history.show_history import show_run
from waivern.operations.runs import execute_run
from waivern.operations.runs.execute_claimed import RunOutcome
from waivern.runs.run import RunStatus, SkipReason
from waivern.runs.run_store import NewRun
from waivern.schedules.schedule import CatchUp, Overlap
from waivern.schedules.timing import Every
from waivern.service.workers.run_process import Closed, Started, _execute
from waivern.service.workers.watchdog import Watchdog
from waivern.testing.builders import message_of, plan_of

STUCK = ("hangs", "loops_in_python", "loops_in_c", "matches_for_ever")


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Installation:
    with migrated(database_url):
        return Installation(tmp_path, database_url)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Installation:
    with migrated(sqlite_url(tmp_path)):
        return Installation(tmp_path, sqlite_url(tmp_path))


def queue(installation: Installation, runbook: Path, **terms: Any) -> str:
    with installation.application() as application:
        return application.storage.runs.enqueue(NewRun(runbook, runbook.stem, "trigger", **terms))


def record(installation: Installation, run_id: str) -> RunRecord:
    with installation.application() as application:
        return application.storage.history.find(run_id)


def ended(installation: Installation, run_id: str, *, within_s: float = 30) -> RunRecord:
    eventually(
        lambda: record(installation, run_id).status not in (RunStatus.QUEUED, RunStatus.RUNNING),
        within_s=within_s,
        details=installation.logs,
    )
    return record(installation, run_id)


def outcomes(installation: Installation, run_id: str) -> list[str | None]:
    with installation.application() as application:
        return [attempt.outcome for attempt in application.storage.history.attempts_of(run_id)]


def test_a_service_runs_due_schedules_and_stops_on_sigterm(installation: Installation) -> None:
    runbook = installation.runbook("often", {"a": {}, "b": {"inputs": ["a"]}})
    installation.schedule(runbook, Every(1, this_second()), overlap=Overlap.ALLOW, catch_up=CatchUp.ALL)
    with installation.service() as process:
        eventually(lambda: installation.start_counts()["b"] >= 3, details=installation.logs)
        assert stop(process) == 0
    assert len(installation.query("SELECT due_at FROM schedule_triggers")) >= 3
    assert installation.query("SELECT times FROM skipped_times") == []
    with installation.application() as application:
        runs = application.storage.history.recent(RunFilter(schedule="often"), limit=100)
    assert {run.trigger for run in runs} <= {"schedule", "catch_up"}
    assert [run.due_at for run in runs] == sorted((run.due_at for run in runs), reverse=True)  # type: ignore[type-var]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "tgkill"), reason="needs tgkill, as in glibc 2.30")
def test_a_service_stops_on_a_signal_that_another_of_its_threads_receives(on_sqlite: Installation) -> None:
    with on_sqlite.service("serve", "--workers", "0") as process:
        threads = sorted({int(entry.name) for entry in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid})
        assert any(ctypes.CDLL(None).tgkill(process.pid, thread, signal.SIGTERM) == 0 for thread in threads)
        assert process.wait(timeout=30) == 0
    assert "Stopped" in on_sqlite.logs()


def test_a_running_service_follows_changes_of_schedules(on_sqlite: Installation) -> None:
    runbook = on_sqlite.runbook("often", {"a": {}})
    with on_sqlite.service():
        schedule = on_sqlite.schedule(runbook, Every(1, this_second()), overlap=Overlap.ALLOW)
        eventually(lambda: on_sqlite.start_counts()["a"] >= 2, details=on_sqlite.logs)
        with on_sqlite.application() as application:
            application.storage.schedules.pause(schedule.id, caller=CALLER)
            time.sleep(2)
            paused = on_sqlite.start_counts()["a"]
            time.sleep(2)
            assert on_sqlite.start_counts()["a"] == paused
            application.storage.schedules.resume(schedule.id, caller=CALLER)
        eventually(lambda: on_sqlite.start_counts()["a"] > paused, details=on_sqlite.logs)


@pytest.mark.parametrize("does", ["crashes", "leaves"])
def test_a_component_that_kills_its_process_interrupts_its_run_but_not_the_service(
    on_sqlite: Installation, does: str
) -> None:
    deadly = on_sqlite.runbook("deadly", {"a": {}, "b": {"inputs": ["a"], "does": does}})
    harmless = on_sqlite.runbook("harmless", {"c": {}})
    with on_sqlite.service() as process:
        run = ended(on_sqlite, queue(on_sqlite, deadly, max_attempts=2))
        assert run.status is RunStatus.INTERRUPTED
        assert "Attempt 2 of 2: its process" in str(run.error)
        assert outcomes(on_sqlite, run.id) == ["interrupted", "interrupted"]
        assert on_sqlite.start_counts() == {"a": 1, "b": 2}
        assert ended(on_sqlite, queue(on_sqlite, harmless)).status is RunStatus.SUCCEEDED
        assert process.poll() is None


@pytest.mark.parametrize("does", STUCK)
def test_at_the_deadline_the_run_is_closed_and_its_process_killed_whatever_the_component_does(
    on_sqlite: Installation, does: str
) -> None:
    runbook = on_sqlite.runbook("stuck", {"a": {}, "b": {"inputs": ["a"], "does": does}}, timeout=1)
    with on_sqlite.service():
        run = ended(on_sqlite, queue(on_sqlite, runbook))
        (pid,) = {entry["pid"] for entry in on_sqlite.journal_entries() if entry["name"] == "b"}
        assert run.status is RunStatus.TIMED_OUT
        with on_sqlite.application() as application:
            artifacts = application.storage.history.artifacts_of(run.id)
        assert [(artifact.artifact_id, artifact.skip_reason) for artifact in artifacts] == [
            ("a", None),
            ("b", SkipReason.TIMEOUT),
        ]
        eventually(lambda: not is_alive(pid), within_s=5)
        assert outcomes(on_sqlite, run.id) == ["timed_out"]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_process_of_a_cancelled_run_is_killed_at_once(installation: Installation) -> None:
    runbook = installation.runbook("endless", {"a": {"does": "loops_in_c"}})
    with installation.service():
        run_id = queue(installation, runbook)
        eventually(lambda: installation.start_counts()["a"] == 1, details=installation.logs)
        (pid,) = {entry["pid"] for entry in installation.journal_entries()}
        with installation.application() as application:
            application.storage.runs.cancel(run_id, caller=CALLER)
        eventually(lambda: not is_alive(pid), within_s=5)
        assert record(installation, run_id).status is RunStatus.CANCELLED
        assert outcomes(installation, run_id) == ["cancelled"]


def test_after_a_worker_was_killed_the_run_is_resumed_without_repeating_finished_artifacts(
    installation: Installation,
) -> None:
    runbook = installation.runbook("killed", {"a": {}, "b": {"inputs": ["a"], "seconds": 30, "only_first": True}})
    with installation.service():
        run_id = queue(installation, runbook)
        eventually(lambda: installation.start_counts()["b"] == 1, details=installation.logs)
        os.kill(installation.journal_entries()[-1]["pid"], signal.SIGKILL)
        run = ended(installation, run_id)
    assert (run.status, run.attempts) == (RunStatus.SUCCEEDED, 2)
    assert installation.start_counts() == {"a": 1, "b": 2}
    assert outcomes(installation, run_id) == ["interrupted", "succeeded"]


def test_a_frozen_worker_loses_its_run_after_the_lease_and_writes_nothing_when_it_wakes_up(
    tmp_path: Path, database_url: str
) -> None:
    with migrated(database_url):
        installation = Installation(tmp_path, database_url, lease_s=2)
    runbook = installation.runbook("stopped", {"a": {"seconds": 3, "only_first": True}, "b": {"inputs": ["a"]}})
    with installation.service("serve", "--workers", "2"):
        run_id = queue(installation, runbook)
        eventually(lambda: installation.start_counts()["a"] == 1, details=installation.logs)
        pid = installation.journal_entries()[0]["pid"]
        os.kill(pid, signal.SIGSTOP)
        run = ended(installation, run_id, within_s=40)
        assert (run.status, run.attempts) == (RunStatus.SUCCEEDED, 2)
        if is_alive(pid):
            os.kill(pid, signal.SIGCONT)
        time.sleep(1.5)
        assert record(installation, run_id) == run
        assert outcomes(installation, run_id) == ["interrupted", "succeeded"]


def test_a_stopping_service_lets_runs_finish_and_releases_those_that_take_too_long(installation: Installation) -> None:
    short = installation.runbook("short", {"quick": {"seconds": 1}})
    long = installation.runbook("long", {"slow": {"seconds": 60, "only_first": True}})
    with installation.service("serve", "--workers", "2", "--drain", "3") as process:
        quick, slow = queue(installation, short), queue(installation, long)
        eventually(lambda: len(installation.start_counts()) == 2, details=installation.logs)
        assert stop(process, within_s=20) == 0
    assert record(installation, quick).status is RunStatus.SUCCEEDED
    released = record(installation, slow)
    assert (released.status, released.attempts) == (RunStatus.QUEUED, 0)
    with installation.service("worker", "--workers", "1"):
        assert ended(installation, slow).status is RunStatus.SUCCEEDED
    assert outcomes(installation, slow) == ["released", "succeeded"]


def test_a_second_signal_stops_the_service_at_once(on_sqlite: Installation) -> None:
    runbook = on_sqlite.runbook("long", {"slow": {"seconds": 60}})
    with on_sqlite.service("serve", "--workers", "1", "--drain", "60") as process:
        run_id = queue(on_sqlite, runbook)
        eventually(lambda: on_sqlite.start_counts()["slow"] == 1, details=on_sqlite.logs)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None
        assert (
            stop(process, number=signal.SIGTERM, within_s=30) == 0
        )  # SIGINT is ignored where tests run in the background
    assert record(on_sqlite, run_id).status is RunStatus.QUEUED


def test_a_runbook_that_does_not_plan_fails_its_run_with_the_reasons(on_sqlite: Installation) -> None:
    path = on_sqlite.folder / "bad.yaml"
    path.write_text("name: bad\ndescription: x\nartifacts: {a: {source: {type: no_such_thing}}}\n")
    with on_sqlite.service():
        run = ended(on_sqlite, queue(on_sqlite, path))
    assert run.status is RunStatus.FAILED
    assert "no_such_thing" in str(run.error)


def test_a_service_without_workers_queues_runs_and_executes_none(on_sqlite: Installation) -> None:
    runbook = on_sqlite.runbook("often", {"a": {}})
    on_sqlite.schedule(runbook, Every(1, this_second()), overlap=Overlap.ALLOW)
    with on_sqlite.service("serve", "--workers", "0"):
        eventually(lambda: on_sqlite.query("SELECT id FROM runs WHERE status = 'queued'"))
    assert on_sqlite.start_counts() == {}


def health(installation: Installation) -> str:
    return installation.logs().partition("Health on ")[2].partition(",")[0]


def test_a_service_whose_entry_was_deleted_registers_again(on_sqlite: Installation) -> None:
    engine = open_engine(on_sqlite.database_url)
    with on_sqlite.service() as process:
        with writing(engine) as connection:
            connection.execute(sa.delete(services))
        on_sqlite.wait_until_serving(process)
    engine.dispose()


def test_a_service_waits_for_its_database(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    url = sqlite_url(folder)
    folder.write_text("in the way of the folder")
    installation = Installation(tmp_path, url)
    process = installation.start("serve", "--workers", "1", "--metrics-port", "0", "--metrics-host", "::1")
    try:
        eventually(lambda: "until the database is back" in installation.logs(), within_s=30)
        assert process.poll() is None
        with pytest.raises(urllib.error.HTTPError, match="503") as unwell:
            urllib.request.urlopen(health(installation), timeout=10)
        assert "the service waits for its database" in unwell.value.read().decode()
        folder.unlink()
        folder.mkdir()
        installation.wait_until_serving(process)
        with urllib.request.urlopen(health(installation), timeout=10) as answer:
            assert json.loads(answer.read())["status"] == "ok"
    finally:
        assert stop(process) == 0


def test_a_service_exits_if_the_schema_is_out_of_date(postgres_url: str, tmp_path: Path) -> None:
    process = Installation(tmp_path, postgres_url).start("serve")
    assert process.wait(timeout=60) == 4
    assert "waivern db upgrade" in Installation(tmp_path, postgres_url).logs()


def test_a_service_syncs_schedules_with_a_folder_of_runbooks(on_sqlite: Installation) -> None:
    books = on_sqlite.folder / "books"
    books.mkdir()
    runbook = on_sqlite.runbook("declared", {"a": {}})
    declared = {**json.loads(runbook.read_text()), "schedule": {"every": 1, "overlap": "allow"}}
    with on_sqlite.service("serve", "--workers", "1", "--runbooks", str(books)):
        (books / "declared.yaml").write_text(json.dumps(declared))
        eventually(lambda: on_sqlite.start_counts()["a"] >= 2, details=on_sqlite.logs)
        (books / "declared.yaml").unlink()
        eventually(lambda: on_sqlite.query("SELECT id FROM schedules WHERE status = 'paused'"), within_s=10)


def test_health_and_metrics_are_served(on_sqlite: Installation) -> None:
    runbook = on_sqlite.runbook("often", {"a": {}})
    on_sqlite.schedule(runbook, Every(1, this_second()), overlap=Overlap.ALLOW)
    with on_sqlite.service("serve", "--workers", "1", "--metrics-port", "0"):
        eventually(lambda: "Health on http" in on_sqlite.logs())
        address = health(on_sqlite).removesuffix("/healthz")

        def page(name: str) -> str:
            with urllib.request.urlopen(f"{address}{name}", timeout=10) as answer:
                return str(answer.read().decode())

        assert json.loads(page("/healthz"))["status"] == "ok"
        eventually(lambda: "waivern_triggers_total 0.0" not in page("/metrics"))
        metrics = page("/metrics")
        for name in ("waivern_database_up 1.0", 'waivern_services_alive{kind="serve"} 1.0', "waivern_schedules 1.0"):
            assert name in metrics
        with pytest.raises(urllib.error.HTTPError, match="404"):
            page("/elsewhere")


def test_a_runbook_can_read_the_scheduled_time_of_its_run(on_sqlite: Installation) -> None:
    runbook = on_sqlite.runbook("due", {"${WAIVERN_DUE_AT}": {}})
    config = json.loads(runbook.read_text())
    config["artifacts"] = {"a": {"source": {"type": "faulty", "properties": {"name": "at ${WAIVERN_DUE_AT}"}}}}
    runbook.write_text(json.dumps(config))
    schedule = on_sqlite.schedule(runbook, Every(3600, this_second() - timedelta(days=1)))
    with on_sqlite.application() as application:
        instant = this_second() - timedelta(hours=3)
        (run_id,) = application.storage.schedules.backfill(schedule.id, [instant]).values()
    with on_sqlite.service():
        assert ended(on_sqlite, run_id).status is RunStatus.SUCCEEDED
    with on_sqlite.application() as application:
        name = application.storage.history.message_of(run_id, "a").content["name"]
    assert name == f"at {instant.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def test_a_different_service_takes_over_the_run_of_a_service_that_was_killed_with_its_worker(
    installation: Installation,
) -> None:
    runbook = installation.runbook("whole", {"a": {}, "b": {"inputs": ["a"], "seconds": 30, "only_first": True}})
    with installation.service() as first:
        run_id = queue(installation, runbook)
        eventually(lambda: installation.start_counts()["b"] == 1, details=installation.logs)
        worker = installation.journal_entries()[-1]["pid"]
        first.kill()
        os.kill(worker, signal.SIGKILL)
        first.wait()
        with installation.service("worker", "--workers", "1"):
            run = ended(installation, run_id)
    assert (run.status, run.attempts) == (RunStatus.SUCCEEDED, 2)
    assert installation.start_counts() == {"a": 1, "b": 2}


def test_at_the_deadline_a_process_ends_itself_if_the_service_is_frozen(on_sqlite: Installation) -> None:
    runbook = on_sqlite.runbook("stuck", {"a": {"does": "loops_in_c"}}, timeout=1)
    with on_sqlite.service() as service:
        run_id = queue(on_sqlite, runbook)
        eventually(lambda: on_sqlite.journal_entries(), details=on_sqlite.logs)
        service.send_signal(signal.SIGSTOP)
        process = on_sqlite.journal_entries()[0]["pid"]
        eventually(lambda: has_ended(process), within_s=4)
        service.send_signal(signal.SIGCONT)
        run = ended(on_sqlite, run_id)
    assert (run.status, len(outcomes(on_sqlite, run_id))) == (RunStatus.TIMED_OUT, 1)


@pytest.mark.parametrize("does", ["hangs", "loops_in_c"])
def test_a_process_without_its_service_ends_itself_when_its_run_is_cancelled(tmp_path: Path, does: str) -> None:
    with migrated(sqlite_url(tmp_path)):
        on_sqlite = Installation(tmp_path, sqlite_url(tmp_path), lease_s=2)
    runbook = on_sqlite.runbook("stuck", {"a": {"does": does}})
    with on_sqlite.service() as service:
        run_id = queue(on_sqlite, runbook)
        eventually(lambda: on_sqlite.journal_entries(), details=on_sqlite.logs)
        service.kill()
    process = on_sqlite.journal_entries()[0]["pid"]
    with on_sqlite.application() as application:
        application.storage.runs.cancel(run_id, caller=CALLER)
    eventually(lambda: has_ended(process), within_s=10)


def test_a_run_continues_if_its_service_was_killed_as_it_started(on_sqlite: Installation) -> None:
    runbook = on_sqlite.folder / "scan.yaml"
    source = {"type": "filesystem", "properties": {"path": "."}}
    runbook.write_text(json.dumps({"name": "Scan", "description": "d", "artifacts": {"files": {"source": source}}}))
    run_id = queue(on_sqlite, runbook)
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with on_sqlite.application() as application, ours:
        claimed = application.storage.runs.claim()
        assert claimed is not None
        watch = Watchdog(multiprocessing.RawValue("d", 0.0), 60, ours)
        assert _execute(application, claimed, ours, watch, SERVICE) is RunOutcome.CLOSED
    assert record(on_sqlite, run_id).status is RunStatus.SUCCEEDED


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; a zombie, which its parent has not waited for, counts as ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


SCANS = {
    "name": "shop",
    "description": "a test",
    "gates": ["any", "any:critical", "incomplete"],
    "artifacts": {
        "files": {"source": {"type": "filesystem", "properties": {"path": "exports"}}},
        "found": {"inputs": "files", "process": {"type": "personal_data"}},
    },
}


def test_a_scheduled_run_that_trips_a_gate_sends_the_notification_of_its_schedule(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAIVERN_HOOK_COMMANDS", f"{sys.executable} -c *")
    (installation.folder / "exports").mkdir()
    (installation.folder / "exports" / "a.txt").write_text("ann@example.org")
    runbook = installation.folder / "shop.yaml"
    runbook.write_text(json.dumps(SCANS))
    received = installation.folder / "received"
    recording = f"open({str(received)!r}, 'a').write(os.environ['WAIVERN_NOTIFICATION'] + ' ' + sys.stdin.read())"
    notify = {"events": ["gate_tripped", "failed"], "command": [sys.executable, "-c", f"import os, sys; {recording}"]}
    soon = this_second() + timedelta(seconds=2)
    installation.schedule(runbook, Every(3600, soon - timedelta(hours=1)), name="nightly", notify=notify)
    with installation.service():
        eventually(lambda: received.exists() and received.read_text().endswith("}"), details=installation.logs)
    kind, _, body = received.read_text().partition(" ")
    notification = json.loads(body)
    assert (kind, notification["type"], notification["data"]["schedule"]) == (
        "gate_tripped",
        "run.gate_tripped",
        "nightly",
    )
    gates = [("any", 1), ("any:critical", 0), ("incomplete", 0)]
    assert [(gate["gate"], gate["violations"]) for gate in notification["data"]["gates"]] == gates
    with installation.application() as application:
        details = show_run(application, notification["data"]["run"]["id"])
        (event,) = application.storage.audit.read(kinds=["gates.evaluated"])
    assert details.run.status is RunStatus.SUCCEEDED
    assert details.run.trigger in ("schedule", "catch_up")  # the latter on a slow machine
    assert dict(details.gates) == dict(gates) == event.body["violations"]
    assert event.actor.startswith("service:")
    assert "Gate any failed: 1 violations" in installation.logs()


def test_the_deadline_of_a_run_does_not_apply_to_its_gates(
    on_sqlite: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison of 100,000 findings takes a while, and a process that is killed in between evaluates no gate."""
    runbook = on_sqlite.folder / "shop.yaml"
    (on_sqlite.folder / "exports").mkdir()
    runbook.write_text(json.dumps({**SCANS, "config": {"timeout": 60}}))
    run_id = queue(on_sqlite, runbook)
    inside, outside = multiprocessing.Pipe()
    watch = Watchdog(multiprocessing.get_context("fork").RawValue("d", 0.0), 5.0, outside)
    limits: list[float | None] = []
    conclude = execute_run.conclude_run

    def record_limit(*arguments: Any, **options: Any) -> Any:
        limits.append(watch._deadline)
        return conclude(*arguments, **options)

    monkeypatch.setattr(execute_run, "conclude_run", record_limit)
    with on_sqlite.application() as application:
        claimed = application.storage.runs.claim()
        assert claimed is not None
        assert _execute(application, claimed, outside, watch, SERVICE) is RunOutcome.CLOSED
        assert set(application.storage.decisions.gates_of(run_id)) == set(SCANS["gates"])
    outside.close()
    assert [type(inside.recv()) for _ in range(2)] == [Started, Closed]
    assert limits == [None]


def test_a_missing_runbook_fails_its_run_and_not_the_service(on_sqlite: Installation) -> None:
    with on_sqlite.service() as process:
        run = ended(on_sqlite, queue(on_sqlite, on_sqlite.folder / "gone.yaml"))
        assert process.poll() is None
    assert run.status is RunStatus.FAILED
    assert "There is no runbook" in str(run.error)
    with on_sqlite.application() as application, pytest.raises(WaivernError):
        application.storage.runs.cancel(run.id, caller=CALLER)


def test_one_of_two_services_prunes_every_night(installation: Installation) -> None:
    plan = plan_of({"a": {"source": {"type": "any"}, "retain": 0}})
    with installation.application() as application:
        run = application.storage.runs.create(plan, trigger="test", caller=CALLER)
        run.store.save("a", message_of(text="x"))
        run.log.close(RunStatus.SUCCEEDED)
        assert application.storage.services.claim_periodic_task("prune", next_run_at=this_second() - timedelta(hours=1))

    def is_pruned() -> bool:
        with installation.application() as application:
            return application.storage.history.artifacts_of(run.run_id)[0].pruned_at is not None

    assert not is_pruned()
    with installation.service(), installation.service("worker"):
        eventually(is_pruned, details=installation.logs)
    (task,) = installation.query("SELECT CAST(next_run_at AS TEXT) AS at FROM periodic_tasks")
    assert "03:30:00" in task.at
